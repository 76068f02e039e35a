import type { FastifyInstance } from 'fastify';
import { createServer, type ServerOptions } from '../../src/api/server.ts';
import { createThrottledSignIn } from '../../src/auth/throttled-sign-in.ts';
import type { HttpSettings } from '../../src/http/http-server.ts';
import { TIMEOUTS } from '../../src/http/listener.ts';
import { createMetrics, type MetricsOptions } from '../../src/metrics/metrics.ts';
import type { CrawlStatus, Directory, Principal, Pull, VerifiedPrincipal } from '../../src/ports.ts';
import { createNotificationReader } from '../../src/registry/notification-envelope.ts';
import { NOTHING_CRAWLED } from './sample-crawl-stats.ts';
import { crawlOf, image } from './sample-registry-content.ts';

/* The fixture for tests of the HTTP API: the real server, with fakes at its ports. */

export const PREFIX = '/usage';
/** The time of the server's clock. */
export const NOW = Date.UTC(2026, 10, 25, 12);
/** A valid token, of alice. */
export const TOKEN = 'good';
/** Alice as a directory knows her. */
export const ALICE: Principal = { name: 'alice', groups: [] };
/** The secret of notifications. */
export const EVENTS_SECRET = 'the secret of the events';
/** The password of every user. */
export const PASSWORD = 'right';

/** The service waits for its next crawl, and the last one did not fail. */
export const WAITING: CrawlStatus = {
  running: undefined,
  failure: undefined,
  lastFinishedAt: undefined,
  recrawlQueueLength: 0,
  nextAt: NOW + 60_000,
};

export const NO_LIMITS: HttpSettings['limits'] = {
  connections: 0,
  connectionsPerAddress: 0,
  requestsPerAddress: 0,
  requestsPerUser: 0,
};

export interface TestServerOptions extends Partial<Omit<ServerOptions, 'http' | 'metrics'>> {
  readonly http?: Partial<HttpSettings>;
  readonly directory?: Directory;
  /** 0, the default, is no limit. */
  readonly failedSignIns?: number;
  /** False for a server without `/metrics`. */
  readonly metrics?: false | Pick<MetricsOptions, 'namespacesLimit' | 'repositoriesLimit'>;
}

export interface TestServer {
  readonly server: FastifyInstance;
  /** The lines of the log. */
  readonly log: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
  /** The users that the directory was asked about. */
  readonly signIns: string[];
  /** The URLs of the requests that have reached the router. Requests that the response cache serves do not. */
  readonly routed: string[];
  /** The repositories of each call. */
  readonly changed: (readonly string[])[];
  readonly pulled: Pull[];
  /** The steady clock. Only the test moves it. */
  readonly steadyClock: { now: number };
}

/** Creates a server that does not listen: tests use `server.inject`. By default there is no snapshot. */
export function createTestServer(options: TestServerOptions = {}): TestServer {
  const records: Omit<TestServer, 'server'> = {
    log: [],
    signIns: [],
    routed: [],
    changed: [],
    pulled: [],
    steadyClock: { now: 1000 },
  };
  const { http, directory = openDirectory(records.signIns), failedSignIns = 0, metrics, ...changes } = options;
  const { snapshots = { latest: () => undefined }, scheduler = schedulerIn(WAITING), clock = () => NOW } = changes;
  const steadyClock = http?.steadyClock ?? (() => records.steadyClock.now);
  const write = (fields: object, message: string): void => void records.log.push({ fields: { ...fields }, message });
  const names = metrics === false ? undefined : (metrics ?? { namespacesLimit: 100, repositoriesLimit: 100 });
  const server = createServer({
    prefix: PREFIX,
    version: '1.2.3',
    corsOrigins: ['https://page.example'],
    snapshots,
    scheduler,
    notificationReader: createNotificationReader({ product: 'gitlab-registry-usage-rest', clock }),
    notifications: {
      changed: (repositories) => void records.changed.push(repositories),
      pulled: (pulls) => void records.pulled.push(...pulls),
    },
    events: { secret: EVENTS_SECRET },
    metrics:
      names &&
      createMetrics({ isProtected: changes.metricsToken !== undefined, snapshots, scheduler, clock, ...names }),
    metricsToken: undefined,
    clock,
    signIn: createThrottledSignIn({ directory, failedSignIns, steadyClock }),
    tokens: {
      expiresInSeconds: 60,
      issue: async () => TOKEN,
      verify: async (token) => principalOf(token),
      recall: principalOf,
    },
    log: { isLevelEnabled: () => true, debug: write, info: write, error: write },
    ...changes,
    http: {
      limits: NO_LIMITS,
      timeouts: TIMEOUTS,
      trustedProxies: [],
      allowedHosts: undefined,
      tls: undefined,
      ...http,
      steadyClock,
    },
  });
  server.addHook('onRequest', (request, _reply, done) => {
    records.routed.push(request.url);
    done();
  });
  return { server, ...records };
}

export interface ListeningServer extends TestServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Creates a server that listens on a port of its own, by default with a registry of one repository. */
export async function startTestServer({
  tagsCount = 2,
  ...options
}: TestServerOptions & { readonly tagsCount?: number } = {}): Promise<ListeningServer> {
  const { snapshot } = crawlOf(Array(tagsCount).fill(image('a')));
  const created = createTestServer({ snapshots: { latest: () => snapshot }, ...options });
  const { port } = new URL(await created.server.listen({ host: '127.0.0.1', port: 0 }));
  return { ...created, port: Number(port), close: () => created.server.close() };
}

export function schedulerIn(status: CrawlStatus): ServerOptions['scheduler'] {
  return { status: () => status, stats: () => NOTHING_CRAWLED, request: () => 'running' };
}

/** A directory in which every user has the same password. */
function openDirectory(signIns: string[]): Directory {
  return {
    async authenticate(user, password) {
      signIns.push(user);
      return password === PASSWORD ? { name: user, groups: [] } : undefined;
    },
  };
}

function principalOf(token: string): VerifiedPrincipal | undefined {
  return token === TOKEN ? { name: 'alice', key: 'alice', visibility: 'all' } : undefined;
}
