import type { IncomingMessage } from 'node:http';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { logRequests, pathOf } from '../http/access-log.ts';
import { type AdmissionSettings, admitRequests, NO_ADMISSION_LIMITS } from '../http/admission.ts';
import { bearerToken } from '../http/authorization.ts';
import { batchWrites, createEndOfTurn } from '../http/batched-writes.ts';
import { toBody } from '../http/bodies/body-cache.ts';
import { createResponseCache, type Lasting } from '../http/bodies/response-cache.ts';
import { sendBody } from '../http/bodies/send-body.ts';
import { createTrust } from '../http/client-address.ts';
import { watchConnections } from '../http/connections.ts';
import { createHostCheck } from '../http/host-check.ts';
import { createListener } from '../http/listener.ts';
import {
  acceptBodiesOfGet,
  answerUnreadable,
  decodable,
  originForm,
  passOverExpectations,
} from '../http/malformed-requests.ts';
import { BODY_TOO_LARGE, MOST_BODY_BYTES, notFound, sendProblem, unauthorized } from '../http/problems.ts';
import { requestId } from '../http/request-id.ts';
import { trackRequests } from '../http/request-lifecycle.ts';
import { createRequestLimits, type RequestLimits } from '../http/request-limits.ts';
import { addHeaders } from '../http/response-headers.ts';
import { addMetrics, type MetricsOptions } from '../metrics/metrics.ts';
import type { Clock, CrawlScheduler, Directory, Notifications, Snapshots } from '../ports.ts';
import { createAuthToken } from './auth-token-endpoint.ts';
import type { ResourceDescriptor } from './collections/descriptor.ts';
import { PAGE_HEADERS } from './collections/query/pagination.ts';
import { RESOURCES } from './collections/resources.ts';
import { createCrawlControl } from './crawl-endpoint.ts';
import { addDocs } from './docs/docs-endpoint.ts';
import { addEvents, type EventsOptions } from './events-endpoint.ts';
import { createRouteFinder } from './find-route.ts';
import { representEntryPoint } from './hal/entry-point.ts';
import { createLinks } from './hal/links.ts';
import { addHealth } from './health-endpoint.ts';
import { createOpenApi } from './openapi-endpoint.ts';
import { PATHS } from './route-table.ts';
import { createPinnedSnapshots, type PinnedSnapshots } from './snapshot/pinned-snapshots.ts';
import { createSnapshotHandlers } from './snapshot-endpoint.ts';

export interface ServerOptions {
  /** '' or a path such as `/usage`, without a slash at its end. */
  readonly prefix: string;
  readonly corsOrigins: '*' | readonly string[];
  readonly version: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly notifications: Notifications;
  readonly events: EventsOptions['events'];
  readonly metrics: MetricsOptions['metrics'];
  readonly clock: Clock;
  readonly directory: Directory;
  readonly tokens: SessionTokens;
  readonly log: Log;
  /** Without it, everybody is let in. */
  readonly front?: AdmissionSettings;
  /** The resources of a snapshot; by default all that there are. */
  readonly resources?: readonly ResourceDescriptor[];
}

/** Where events are said, one line each. */
export interface Log {
  isLevelEnabled(level: 'debug' | 'info'): boolean;
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

/** What stands for a user who has signed in. */
export interface SessionTokens {
  /** How long each is valid. */
  readonly expiresInSeconds: number;
  issue(user: string): Promise<string>;
  verify(token: string): Promise<{ readonly user: string } | undefined>;
  /** The same at once, of a token that was verified before; undefined for any other, too. */
  recall(token: string): { readonly user: string } | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once that is known. */
    user: string | undefined;
    /** Which of our paths it asks for, such as `/repositories/*`; undefined where that is none of them. */
    route: string | undefined;
    /** What is answered, where the next who asks in the same words is told the same. */
    lasting: Lasting | undefined;
  }
}

/**
 * The HTTP API below the prefix: `listen` starts it, `close` lets requests under way finish. Throws a `CertificateError` where the certificate
 * cannot be shown.
 */
export function createServer(options: ServerOptions): FastifyInstance {
  const { front = NO_ADMISSION_LIMITS, log, prefix, corsOrigins } = options;
  const { timeouts, tls, trustedProxies, allowedHosts } = front;
  const limits = createRequestLimits({ ...front.limits, steadyClock: front.steadyClock });
  const isProxy = createTrust(trustedProxies);
  const problemOfHost = createHostCheck(allowedHosts);
  const atEndOfTurn = createEndOfTurn();
  const snapshots = createPinnedSnapshots({ latest: options.snapshots.latest, steadyClock: front.steadyClock });
  const server = fastify({
    // Its own log would have two lines a request, and no user.
    logger: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: true,
    bodyLimit: MOST_BODY_BYTES,
    genReqId: requestId,
    rewriteUrl: ({ url = '/' }) => decodable(originForm(url)),
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, exchanges.get(socket)),
    trustProxy: trustedProxies.length > 0 && isProxy,
    serverFactory: (onRequest) =>
      createListener((request, response) => answerAgain(request, response) || onRequest(request, response), {
        timeouts,
        tls,
        now: options.clock(),
      }),
  });
  server.decorateRequest('user', undefined);
  server.decorateRequest('route', undefined);
  server.decorateRequest('lasting', undefined);
  acceptBodiesOfGet(server);
  passOverExpectations(server.server);
  const followed = trackRequests(server, front.steadyClock);
  logRequests(followed, log);
  addMetrics(server, followed, options); // before whatever refuses requests: those count, too
  addHeaders(server, { corsOrigins, isTls: tls !== undefined });
  // After the headers of CORS, which a page needs to read even a refusal; before a body is read that nobody asked for.
  server.after(() => {
    admitRequests(server, { prefix, limits, log, problemOfHost, trustedProxies });
    server.addHook('onRequest', refuseOthers(options));
  });
  const exchanges = watchConnections(server, { ...front.limits, isProxy, timeouts });
  const isOurs = (request: IncomingMessage): boolean => problemOfHost(request, false) === undefined;
  const again = { ...options, snapshots, limits, followed, atEndOfTurn, isOurs };
  const answerAgain = createResponseCache(server, again);
  batchWrites(server, atEndOfTurn);
  addRoutes(server, { ...options, snapshots, front, limits });
  answerErrors(server, log);
  return server;
}

function refuseOthers(options: ServerOptions) {
  const { prefix, events, metrics, resources = RESOURCES } = options;
  const hasEvents = events.secret !== undefined;
  const findRoute = createRouteFinder({ prefix, resources, hasEvents, hasMetrics: metrics.isEnabled });
  // Hooks call back here: each promise of one would be paid for by every request.
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const path = pathOf(request.raw);
    const route = findRoute(path);
    if (route === undefined) {
      void sendProblem(reply, notFound(path));
      return;
    }
    const { methods } = route;
    request.route = route.label;
    if (methods.includes(request.method === 'HEAD' ? 'GET' : request.method)) {
      done();
      return;
    }
    const read = methods.includes('GET') ? ['GET', 'HEAD'] : [];
    const allow = [...read, 'OPTIONS', ...methods.filter((method) => method !== 'GET')].join(', ');
    const detail = 'The method is not allowed for the requested URL.';
    if (request.method === 'OPTIONS') void reply.code(200).header('allow', allow).send();
    else void sendProblem(reply, { status: 405, detail, headers: { allow } });
  };
}

/** With what was made of them. */
type Wired = ServerOptions & {
  readonly snapshots: PinnedSnapshots;
  readonly front: AdmissionSettings;
  readonly limits: RequestLimits;
};

function addRoutes(server: FastifyInstance, options: Wired): void {
  const { prefix, version, resources = RESOURCES } = options;
  const entryPoint = toBody(representEntryPoint(prefix, version, resources));
  const answerEntryPoint = (request: FastifyRequest, reply: FastifyReply) => sendBody(request, reply, entryPoint);
  server.get(prefix + PATHS.entryPoint, answerEntryPoint);
  if (prefix !== '') server.get(prefix, answerEntryPoint);
  server.get(prefix + PATHS.openapi, createOpenApi(prefix, version));
  const answerAuthToken = createAuthToken(options);
  server.get(prefix + PATHS.authToken, answerAuthToken);
  server.post(prefix + PATHS.authToken, answerAuthToken);
  for (const [path, answer] of createSnapshotHandlers({ ...options, resources })) {
    server.get(prefix + path, guarded(options, answer));
  }
  const crawl = createCrawlControl(options);
  server.get(prefix + PATHS.crawl, guarded(options, crawl.show));
  server.post(prefix + PATHS.crawl, guarded(options, crawl.begin));
  addEvents(server, options);
  addHealth(server, options);
  addDocs(server, prefix);
  server.setNotFoundHandler(async (request, reply) => sendProblem(reply, notFound(pathOf(request.raw))));
}

function answerErrors(server: FastifyInstance, log: Log): void {
  server.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status === BODY_TOO_LARGE.status) return sendProblem(reply, BODY_TOO_LARGE);
    if (status < 500) return sendProblem(reply, { status, detail: 'The request is not understood' });
    log.error({ id: request.id, err: error, path: pathOf(request.raw) }, 'a request failed');
    takeBack(reply);
    return sendProblem(reply, { status: 500, detail: 'The request failed, through no fault of yours' });
  });
}

/** What was said already of an answer that does not come: a problem is not compressed, and is no page. Fastify has handed on what it says of a stream. */
function takeBack(reply: FastifyReply): void {
  for (const name of ['ETag', 'Content-Encoding', ...PAGE_HEADERS]) {
    reply.removeHeader(name).raw.removeHeader(name);
  }
}

/**
 * Lets a request through to `answer` with a valid token only. The handler hands nothing back: to Fastify a promise or a reply is something to
 * wait for, which costs a tenth of a small answer.
 */
function guarded(
  { tokens, prefix, limits }: Wired,
  answer: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
) {
  const signIn = createLinks(prefix).authToken();
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) {
      void sendProblem(reply, unauthorized(`A bearer token is needed; ${signIn} gives one`, false));
      return;
    }
    const admit = (session: { readonly user: string } | undefined): void => {
      if (session === undefined) {
        void sendProblem(reply, unauthorized('The token is not valid, or not any more', true));
        return;
      }
      request.user = session.user;
      if (limits.admitUser(session.user, reply)) void answer(request, reply);
    };
    tokens
      .verify(token)
      .then(admit)
      .catch((error: unknown) => reply.send(error));
  };
}
