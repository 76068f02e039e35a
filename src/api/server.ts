import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from '../http/access-log.ts';
import { createEndOfTurn } from '../http/batched-writes.ts';
import { toBody } from '../http/bodies/body.ts';
import { sendBody } from '../http/bodies/send-body.ts';
import { createHttpServer, type HttpSettings } from '../http/http-server.ts';
import { notFound, sendProblem } from '../http/problems.ts';
import { type BoundedWork, createBoundedWork } from '../http/work/bounded-work.ts';
import type { Clock, CrawlScheduler, Log, Metrics, SessionTokens, SignIn, Snapshots } from '../ports.ts';
import { createAuthToken } from './auth-token-endpoint.ts';
import type { ResourceDescriptor } from './collections/descriptor.ts';
import { PAGE_HEADERS } from './collections/query/pagination.ts';
import { RESOURCES } from './collections/resources.ts';
import { createCrawlEndpoint } from './crawl-endpoint.ts';
import { addDocs } from './docs/docs-endpoint.ts';
import { addEvents, type EventsOptions } from './events-endpoint.ts';
import { createRouteFinder } from './find-route.ts';
import { representEntryPoint } from './hal/entry-point.ts';
import { createLinks } from './hal/links.ts';
import { addHealth } from './health-endpoint.ts';
import { addMetrics } from './metrics-endpoint.ts';
import { createOpenApi } from './openapi-endpoint.ts';
import { PATHS, ROUTINE_PATHS } from './route-table.ts';
import { createPinnedSnapshots, type PinnedSnapshots } from './snapshot/pinned-snapshots.ts';
import { createSnapshotHandlers } from './snapshot-endpoint.ts';

export interface ServerOptions extends Omit<EventsOptions, 'prefix'> {
  /** '' or a path such as `/usage`, without a slash at its end. */
  readonly prefix: string;
  readonly corsOrigins: '*' | readonly string[];
  readonly version: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  /** Undefined if there is no `/metrics`. */
  readonly metrics: Metrics | undefined;
  /** The token that Prometheus must send; undefined if it needs none. */
  readonly metricsToken: string | undefined;
  readonly clock: Clock;
  readonly signIn: SignIn;
  readonly tokens: SessionTokens;
  readonly log: Log;
  readonly http: HttpSettings;
  /** The resources of a snapshot. */
  readonly resources?: readonly ResourceDescriptor[];
}

/**
 * Creates the HTTP API below the prefix. `listen` starts the server, and `close` waits for running requests. Throws a `CertificateError` if the
 * certificate cannot be used.
 */
export function createServer({ resources = RESOURCES, ...options }: ServerOptions): FastifyInstance {
  const { prefix, http } = options;
  const snapshots = createPinnedSnapshots({ latest: options.snapshots.latest, steadyClock: http.steadyClock });
  const hasEvents = options.events.secret !== undefined;
  const hasMetrics = options.metrics !== undefined;
  const { atEndOfTurn, afterNextTurn } = createEndOfTurn();
  const work = createBoundedWork({ ...http, inNextTurn: afterNextTurn });
  const server = createHttpServer({
    ...options,
    atEndOfTurn,
    bodyHeaders: PAGE_HEADERS,
    routeAt: createRouteFinder({ prefix, resources, hasEvents, hasMetrics }),
    routineRoutes: ROUTINE_PATHS,
    signInPath: createLinks(prefix).authToken(),
    snapshots,
  });
  addRoutes(server, { ...options, snapshots, resources, work });
  return server;
}

type RouteOptions = ServerOptions & {
  readonly snapshots: PinnedSnapshots;
  readonly resources: readonly ResourceDescriptor[];
  readonly work: BoundedWork;
};

function addRoutes(server: FastifyInstance, options: RouteOptions): void {
  const { prefix, version, resources } = options;
  const entryPoint = toBody(representEntryPoint(prefix, version, resources));
  const sendEntryPoint = (request: FastifyRequest, reply: FastifyReply) => sendBody(request, reply, entryPoint);
  const sendAuthToken = createAuthToken(options);
  const crawl = createCrawlEndpoint(options);

  server.get(prefix + PATHS.entryPoint, sendEntryPoint);
  if (prefix !== '') server.get(prefix, sendEntryPoint);
  server.get(prefix + PATHS.openapi, createOpenApi(prefix, version));
  server.get(prefix + PATHS.authToken, sendAuthToken);
  server.post(prefix + PATHS.authToken, sendAuthToken);
  for (const [path, handle] of createSnapshotHandlers(options)) server.get(prefix + path, withoutResult(handle));
  server.get(prefix + PATHS.crawl, withoutResult(crawl.show));
  server.post(prefix + PATHS.crawl, withoutResult(crawl.start));
  addEvents(server, options);
  addHealth(server, options);
  addMetrics(server, options);
  addDocs(server, prefix);
  server.setNotFoundHandler(async (request, reply) => sendProblem(reply, notFound(pathOf(request.raw))));
}

/** If a handler returns a reply, Fastify waits for it, which costs a tenth of a small response. */
function withoutResult(handle: (request: FastifyRequest, reply: FastifyReply) => FastifyReply) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    void handle(request, reply);
  };
}
