import type { AddressInfo } from 'node:net';
import { PRODUCT } from './api/hal/entry-point.ts';
import { createServer } from './api/server.ts';
import { type AuthReport, createAuth } from './auth/auth.ts';
import type { Config } from './config/config.ts';
import { createRecrawlQueue, type RecrawlQueue, type RecrawlQueueReport } from './crawl/recrawl-queue.ts';
import { createScheduler, type Scheduler, type SchedulerReport } from './crawl/scheduler.ts';
import { createSleepUntil } from './crawl/sleep-until.ts';
import { createSnapshots, type SnapshotTaker } from './crawl/snapshots.ts';
import { listen, TIMEOUTS } from './http/listener.ts';
import { measureRequestRate } from './http/request-rate.ts';
import { renewCertificate } from './http/tls.ts';
import type { Logger } from './log/log.ts';
import type { Snapshots } from './ports.ts';
import { createDistributionRegistry, type DistributionRegistry } from './registry/distribution.ts';
import { openStore, type Store } from './store/sqlite/open-store.ts';

/** The whole service, wired and not yet running. */
export interface Service {
  /** Shows what was stored, listens, and begins to collect; the server does not wait for the first collection. Throws where it cannot listen, or read the store. */
  start(): Promise<void>;
  /** Shows the certificate of another configuration from now on. Throws a `CertificateError`, and changes nothing, where it cannot be shown. */
  renewCertificate(config: Config): void;
  /** Lets requests under way finish, ends the collection, and closes every connection. */
  stop(): Promise<void>;
}

const RETRIES = 6;
const PROGRESS_EVERY_MS = 5000;
/** Of many of a kind: `/gaps` has the rest. */
const MOST_LOGGED = 100;
const MOST_NAMED = 10;
const LONGEST_USER = 200;

const clock = Date.now;
const steadyClock = (): number => performance.now();

/**
 * Throws an `AccountsFileError` where a file of `[auth]` is not right, a `StoreError` where the store cannot be opened, and a `CertificateError` where
 * the certificate cannot be shown.
 */
export function compose(config: Config, version: string, log: Logger): Service {
  const auth = createAuth({
    ...config.auth,
    ldap: config.ldap,
    tokens: { ...config.jwt, clock },
    report: reportAuthTo(log),
  });
  const store = openStoreOrNone({ ...config.store, registryUrl: config.registry.registryUrl }, log);
  const registry = composeRegistry(config, { version, log, isBusy: () => isBusy() });
  const { snapshots, collector, notices } = composeCollecting(config, registry, store, log);
  const server = createServer({
    prefix: config.general.prefix,
    corsOrigins: config.general.corsOrigins,
    version,
    snapshots,
    scheduler: collector,
    notifications: notices,
    events: config.events,
    metrics: config.metrics,
    clock,
    directory: auth.directory,
    tokens: auth.tokens,
    log,
    front: { ...config.front, timeouts: TIMEOUTS, steadyClock },
  });
  const isBusy = measureRequestRate(server.server, steadyClock);
  let progress: NodeJS.Timeout | undefined;
  return {
    async start() {
      auth.start();
      await snapshots.load();
      await listen(server, config.general.host, config.general.port);
      const scheme = config.front.tls === undefined ? 'http' : 'https';
      const url = `${scheme}://${hostOf(server.server.address())}${config.general.prefix}`;
      log.info({ url, snapshot: snapshots.latest()?.id }, 'listening');
      collector.start();
      notices.start();
      progress = setInterval(() => logProgress(log, collector, registry), PROGRESS_EVERY_MS);
    },
    renewCertificate({ front: { tls } }) {
      if (tls !== undefined) renewCertificate(server, tls, clock());
    },
    async stop() {
      clearInterval(progress);
      // The check last: by then nobody takes its end for a failure.
      await Promise.all([server.close(), collector.stop(), notices.stop(), store.endCheck()]);
      await Promise.all([registry.close(), auth.stop()]);
      store.close();
    },
  };
}

/**
 * A service that was installed for another version, or is just tried, may not write where the store is by default: it goes on without one, and
 * says so. Where somebody chose the place, that would be a surprise.
 */
function openStoreOrNone(
  { isDefault, ...options }: Config['store'] & { readonly registryUrl: string },
  log: Logger,
): Store {
  try {
    return openStore({ ...options, clock });
  } catch (error) {
    if (!isDefault || !isNotPermitted(error)) throw error;
    const advice = '[store] url names another place';
    log.warn({ reason: (error as Error).message, advice }, 'nothing is kept for the next start');
    return openStore({ ...options, file: ':memory:', clock });
  }
}

function isNotPermitted(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
}

interface Around {
  readonly version: string;
  readonly log: Logger;
  readonly isBusy: () => boolean;
}

function composeRegistry({ registry }: Config, { version, log, isBusy }: Around): DistributionRegistry {
  return createDistributionRegistry({
    ...registry,
    registryUrl: new URL(registry.registryUrl),
    timeoutMs: registry.requestTimeoutMs,
    retries: RETRIES,
    userAgent: `${PRODUCT}/${version}`,
    isBusy,
    onGitlabInstead: (reason) => log.info({ reason }, 'the catalogue is not granted; GitLab lists the repositories'),
    clock,
    steadyClock,
  });
}

interface Collecting {
  readonly snapshots: SnapshotTaker;
  readonly collector: Scheduler;
  readonly notices: RecrawlQueue;
}

function composeCollecting(config: Config, registry: DistributionRegistry, store: Store, log: Logger): Collecting {
  const wait = createSleepUntil(steadyClock);
  const snapshots = createSnapshots({
    registry,
    catalogue: store.catalogue,
    store: store.snapshots,
    checkStore: store.check,
    width: config.registry.concurrencyMax,
    collectCreated: config.registry.collectCreated,
    resumeWithinMs: config.general.updateIntervalMs,
    thoroughAfterMs: config.registry.thoroughIntervalMs,
    emptyGuard: config.registry.emptyGuard,
    clock,
    report: {
      notLoaded: ({ message }) => log.error({ reason: message }, 'the last snapshot is lost; a new one is taken'),
      notKept: ({ message }) => log.error({ reason: message }, 'the snapshot is shown, but could not be kept'),
    },
  });
  const collector: Scheduler = createScheduler({
    intervalMs: config.general.updateIntervalMs,
    clock,
    steadyClock,
    wait,
    takeAll: snapshots.takeAll,
    recrawlQueueLength: () => notices.count(),
    requestsCount: registry.requestsCount,
    report: reportTo(log, registry, snapshots),
  });
  const notices = createRecrawlQueue({
    steadyClock,
    wait,
    isReady: () => snapshots.latest() !== undefined && collector.status().failure === undefined,
    isWanted: registry.isWanted,
    takeSome: snapshots.takeSome,
    catalogue: store.catalogue,
    report: reportNoticesTo(log),
  });
  return { snapshots, collector, notices };
}

function logProgress(log: Logger, collector: Scheduler, registry: DistributionRegistry): void {
  const { running } = collector.status();
  if (!running) return;
  const requests = { requests: running.requestsCount, concurrency: registry.concurrency() };
  log.debug({ ...running.progress, ...requests }, 'collecting');
}

/** Where the server listens, and not where one machine might reach it: all addresses are `0.0.0.0` or `[::]`. */
function hostOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') return String(address);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}

function reportTo(log: Logger, registry: DistributionRegistry, snapshots: Snapshots): SchedulerReport {
  let requestsBefore = 0;
  return {
    started() {
      requestsBefore = registry.requestsCount();
      log.info('collection started');
    },
    finished({ startedAt, finishedAt, repositories, gaps }) {
      const tags = repositories.reduce((sum, repository) => sum + repository.tags.length, 0);
      const requests = registry.requestsCount() - requestsBefore;
      const seconds = (finishedAt - startedAt) / 1000;
      for (const gap of gaps.slice(0, MOST_LOGGED)) log.warn({ gap }, 'not readable');
      log.info(
        { repositories: repositories.length, tags, requests, seconds, gaps: gaps.length },
        'collection finished',
      );
    },
    failed(reason, retryAt) {
      const consequence = snapshots.latest() === undefined ? 'there is no snapshot yet' : 'the last snapshot stays';
      log.error({ reason, retryAt: new Date(retryAt).toISOString() }, `collection failed; ${consequence}`);
    },
  };
}

function reportAuthTo(log: Logger): AuthReport {
  const shown = (user: string): string => user.slice(0, LONGEST_USER);
  return {
    signedIn: (user, method) => log.info({ user: shown(user), method }, 'signed in'),
    refused: (user, methods) => log.info({ user: shown(user), methods }, 'sign-in refused'),
    passedOver: (method, error) =>
      log.error({ method, reason: reasonOf(error) }, 'a method cannot tell who signs in; another one could'),
    readAgain: (setting) => log.info({ setting }, 'a file was read again, and counts'),
    notRead: (setting, problems) => log.error({ setting, problems }, 'a file is not right; what it said before counts'),
    exposed: (setting, path) => log.warn({ setting, path }, 'others than the service can read or change the file'),
  };
}

function some(names: ReadonlySet<string>): object {
  return { repositories: [...names].slice(0, MOST_NAMED), count: names.size };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function reportNoticesTo(log: Logger): RecrawlQueueReport {
  return {
    reread: (names) => log.info(some(names), 'read again, as the registry has notified'),
    rereadFailed: (names, error) =>
      log.error({ ...some(names), reason: reasonOf(error) }, 'could not be read again; tried once more soon'),
    pullsNotKept: (error) => log.error({ reason: reasonOf(error) }, 'pulls could not be kept'),
  };
}
