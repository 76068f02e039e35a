import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { Clock, Log, Metrics, TokenVerifier } from '../ports.ts';
import { logRequests, pathOf } from './access-log.ts';
import { createAdmission, type RouteTable } from './admission.ts';
import { addAdmissionHook } from './admission-hook.ts';
import { type AtEndOfTurn, batchWrites } from './batched-writes.ts';
import { type CachedSnapshots, createResponseCache } from './bodies/response-cache.ts';
import { createProxyCheck } from './client-address.ts';
import { type ConnectionsOptions, watchConnections } from './connections.ts';
import { createHostCheck } from './host-check.ts';
import { createListener, type Timeouts } from './listener.ts';
import {
  acceptGetBodies,
  decodable,
  ignoreExpectations,
  originForm,
  refuseTunnels,
  refuseUnparsable,
} from './malformed-requests.ts';
import { BODY_TOO_LARGE, MAX_BODY_BYTES, sendProblem } from './problems.ts';
import { addRequestContext } from './request-context.ts';
import { requestId } from './request-id.ts';
import { trackRequests } from './request-lifecycle.ts';
import { createRequestLimits, type RequestLimitsOptions } from './request-limits.ts';
import { addHeaders } from './response-headers.ts';
import type { TlsOptions } from './tls.ts';
import { WorkRefused } from './work/bounded-work.ts';
import { oneAtATime } from './work/pipelining.ts';

/** How the service is reached, and how much of it a client may use. */
export interface HttpSettings {
  readonly limits: Pick<ConnectionsOptions, 'connections' | 'connectionsPerAddress'> &
    Pick<RequestLimitsOptions, 'requestsPerAddress' | 'requestsPerUser'>;
  readonly timeouts: Timeouts;
  /** Addresses and networks of proxies whose X-Forwarded-For header is trusted. */
  readonly trustedProxies: readonly string[];
  /** In lower case, without ports; undefined for any host. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Undefined for HTTP without TLS. */
  readonly tls: TlsOptions | undefined;
  readonly steadyClock: Clock;
}

export interface HttpServerOptions<S extends object> {
  readonly http: HttpSettings;
  readonly corsOrigins: '*' | readonly string[];
  /** Headers that describe the body of a response, such as those of a page. */
  readonly bodyHeaders: readonly string[];
  readonly routeAt: RouteTable;
  /** The labels of routes that programs request every few seconds. */
  readonly routineRoutes: ReadonlySet<string>;
  /** Where a client gets a token. */
  readonly signInPath: string;
  readonly tokens: TokenVerifier;
  /** The snapshots whose responses are cached. */
  readonly snapshots: CachedSnapshots<S>;
  /** Undefined if there are no metrics. */
  readonly metrics: Pick<Metrics, 'observe'> | undefined;
  /** When responses are written. */
  readonly atEndOfTurn: AtEndOfTurn;
  readonly clock: Clock;
  readonly log: Log;
}

/** Creates a server that admits and tracks requests, and has no routes yet. Throws a `CertificateError` if the certificate cannot be used. */
export function createHttpServer<S extends object>(options: HttpServerOptions<S>): FastifyInstance {
  const { http, routeAt, metrics, atEndOfTurn, log } = options;
  const isProxy = createProxyCheck(http.trustedProxies);
  const hasProxies = http.trustedProxies.length > 0;
  const admit = createAdmission({
    ...options,
    problemOfHost: createHostCheck(http.allowedHosts),
    limits: createRequestLimits({ ...http.limits, steadyClock: http.steadyClock }),
  });
  const server = fastify({
    logger: false, // it would write two lines for each request, without the user
    forceCloseConnections: 'idle',
    exposeHeadRoutes: true,
    bodyLimit: MAX_BODY_BYTES,
    genReqId: requestId,
    rewriteUrl: ({ url = '/' }) => decodable(originForm(url)),
    clientErrorHandler: (error, socket) => refuseUnparsable(error, socket, lastResponses.get(socket)),
    trustProxy: hasProxies && isProxy,
    serverFactory: (route) =>
      createListener(
        oneAtATime((request, response) => cache.respond(request, response) || route(request, response)),
        { ...http, now: options.clock() },
      ),
  });
  addRequestContext(server);
  acceptGetBodies(server);
  ignoreExpectations(server.server);
  refuseTunnels(server.server);
  const tracker = trackRequests(server, http.steadyClock);
  logRequests(tracker, log, options.routineRoutes);
  if (metrics !== undefined) tracker.whenDone(metrics.observe);
  addHeaders(server, { ...options, exposedHeaders: options.bodyHeaders, isTls: http.tls !== undefined });
  const lastResponses = watchConnections(server, { ...http.limits, isProxy, timeouts: http.timeouts });
  const cache = createResponseCache(server, { ...options, admit, tracker });
  // After the hook of CORS, which a page needs to read a refusal.
  server.after(() =>
    addAdmissionHook(server, { admit, routeAt, admittedBefore: cache.admittedBefore, hasProxies, log }),
  );
  batchWrites(server, atEndOfTurn);
  sendErrors(server, options);
  return server;
}

function sendErrors(
  server: FastifyInstance,
  { bodyHeaders, log }: Pick<HttpServerOptions<object>, 'bodyHeaders' | 'log'>,
): void {
  server.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    if (error instanceof WorkRefused) {
      removeBodyHeaders(reply, bodyHeaders);
      return sendProblem(reply, error.problem);
    }
    const status = error.statusCode ?? 500;
    if (status === BODY_TOO_LARGE.status) return sendProblem(reply, BODY_TOO_LARGE);
    if (status < 500) return sendProblem(reply, { status, detail: 'The request could not be parsed' });
    log.error({ id: request.id, err: error, path: pathOf(request.raw) }, 'request failed');
    removeBodyHeaders(reply, bodyHeaders);
    return sendProblem(reply, { status: 500, detail: 'The service failed to handle the request' });
  });
}

/** Removes the headers of a response that failed, which Fastify has already passed on to Node if it is a stream. */
function removeBodyHeaders(reply: FastifyReply, bodyHeaders: readonly string[]): void {
  for (const name of ['ETag', 'Content-Encoding', ...bodyHeaders]) reply.removeHeader(name).raw.removeHeader(name);
}
