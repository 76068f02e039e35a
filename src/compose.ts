import type { AddressInfo } from 'node:net';
import { PRODUCT } from './api/hal/entry-point.ts';
import { createServer } from './api/server.ts';
import { type Auth, createAuth } from './auth/auth.ts';
import type { Config } from './config/config.ts';
import { createRecrawlQueue, type RecrawlQueue } from './crawl/recrawl-queue.ts';
import { createScheduler, type Scheduler } from './crawl/scheduler.ts';
import { createSleepUntil } from './crawl/sleep-until.ts';
import { createSnapshotTaker, type SnapshotTaker } from './crawl/snapshots.ts';
import { listen, TIMEOUTS } from './http/listener.ts';
import { measureRequestRate } from './http/request-rate.ts';
import { renewCertificate } from './http/tls.ts';
import { authEvents } from './log/auth-events.ts';
import { crawlEvents, logCrawlProgress, recrawlEvents, snapshotEvents } from './log/crawl-events.ts';
import type { Logger } from './log/log.ts';
import { messageOf } from './log/message.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createDistributionRegistry, type DistributionRegistry } from './registry/distribution.ts';
import { createNotificationReader } from './registry/notification-envelope.ts';
import { openStore } from './store/sqlite/open-store.ts';
import type { Store } from './store/store.ts';

/** The wired service, not yet running. */
export interface Service {
  /** Loads the last snapshot, listens, and schedules crawls without waiting for the first. Throws if it cannot listen or cannot read the store. */
  start(): Promise<void>;
  /** Serves new connections with the certificate of another configuration. If that certificate is not usable, throws a `CertificateError` and changes nothing. */
  renewCertificate(config: Config): void;
  /** Lets running requests finish, ends the crawl, and closes every connection. */
  stop(): Promise<void>;
}

const RETRIES = 6;
const PROGRESS_EVERY_MS = 5000;

const clock = Date.now;
const steadyClock = (): number => performance.now();

/**
 * Wires the modules of the service. Throws an `AccountsFileError` if a file of section [auth] is not valid, a `StoreError` if the store cannot be
 * opened, and a `CertificateError` if the certificate is not usable.
 */
export function compose(config: Config, version: string, log: Logger): Service {
  const auth = composeAuth(config, log);
  const store = openStoreOrMemory({ ...config.store, registryUrl: config.registry.registryUrl }, log);
  const registry = composeRegistry(config, { version, log, isBusy: () => isBusy() });
  const { snapshots, scheduler, recrawlQueue } = composeCrawling(config, registry, store, log);
  const server = createServer({
    prefix: config.general.prefix,
    corsOrigins: config.general.corsOrigins,
    version,
    snapshots,
    scheduler,
    notifications: recrawlQueue,
    notificationReader: createNotificationReader({ product: PRODUCT, clock }),
    events: config.events,
    metrics: config.metrics.isEnabled
      ? createMetrics({
          ...config.metrics,
          isProtected: config.metrics.token !== undefined,
          snapshots,
          scheduler,
          clock,
        })
      : undefined,
    metricsToken: config.metrics.token,
    clock,
    signIn: auth.signIn,
    tokens: auth.tokens,
    log,
    http: { ...config.http, timeouts: TIMEOUTS, steadyClock },
  });
  const isBusy = measureRequestRate(server.server, steadyClock);
  let progress: NodeJS.Timeout | undefined;
  return {
    async start() {
      auth.start();
      await snapshots.load();
      await listen(server, config.general.host, config.general.port);
      const scheme = config.http.tls === undefined ? 'http' : 'https';
      const url = `${scheme}://${hostOf(server.server.address())}${config.general.prefix}`;
      log.info({ url, snapshot: snapshots.latest()?.id }, 'listening');
      scheduler.start();
      recrawlQueue.start();
      progress = setInterval(() => logCrawlProgress(log, scheduler.status(), registry), PROGRESS_EVERY_MS);
    },
    renewCertificate({ http: { tls } }) {
      if (tls !== undefined) renewCertificate(server, tls, clock());
    },
    async stop() {
      clearInterval(progress);
      // endCheck comes last: while the others stop, the end of a running integrity check is not reported as a failure.
      await Promise.all([server.close(), scheduler.stop(), recrawlQueue.stop(), store.endCheck()]);
      await Promise.all([registry.close(), auth.stop()]);
      closeStore(store, log);
    },
  };
}

/** Closes the store. If that fails, the next crawl reads again what is lost, so the service ends as if it had not. */
function closeStore(store: Store, log: Logger): void {
  try {
    store.close();
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'store not closed properly');
  }
}

function composeAuth({ auth, ldap, jwt, http }: Config, log: Logger): Auth {
  return createAuth({
    ...auth,
    ldap,
    failedSignIns: http.limits.failedSignIns,
    tokens: { ...jwt, clock },
    steadyClock,
    report: authEvents(log),
  });
}

/**
 * Opens the store. If the service may not write to the default place, it warns and keeps data in memory, so that a first try without any set-up
 * works. If the operator chose the place, it throws: losing data silently would be a surprise.
 */
function openStoreOrMemory(
  { isDefault, ...options }: Config['store'] & { readonly registryUrl: string },
  log: Logger,
): Store {
  try {
    return openStore({ ...options, clock });
  } catch (error) {
    if (!isDefault || !isNotPermitted(error)) throw error;
    const advice = 'set [store] url to a place that the service may write to';
    log.warn({ reason: (error as Error).message, advice }, 'store not available, data is kept in memory only');
    return openStore({ ...options, file: ':memory:', clock });
  }
}

function isNotPermitted(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
}

interface Surroundings {
  readonly version: string;
  readonly log: Logger;
  readonly isBusy: () => boolean;
}

function composeRegistry({ registry }: Config, { version, log, isBusy }: Surroundings): DistributionRegistry {
  return createDistributionRegistry({
    ...registry,
    registryUrl: new URL(registry.registryUrl),
    timeoutMs: registry.requestTimeoutMs,
    retries: RETRIES,
    userAgent: `${PRODUCT}/${version}`,
    isBusy,
    onHttpsRedirect: (url) =>
      log.warn({ url }, 'registry redirects to https: set [registry] registry_base_url to its https URL'),
    onGitlabFallback: (reason) => log.info({ reason }, 'catalogue access denied, listing repositories through GitLab'),
    clock,
    steadyClock,
  });
}

interface Crawling {
  readonly snapshots: SnapshotTaker;
  readonly scheduler: Scheduler;
  readonly recrawlQueue: RecrawlQueue;
}

function composeCrawling(config: Config, registry: DistributionRegistry, store: Store, log: Logger): Crawling {
  const sleepUntil = createSleepUntil(steadyClock);
  const snapshots = createSnapshotTaker({
    registry,
    crawlState: store.crawlState,
    manifestCache: store.manifestCache,
    snapshotStore: store.snapshots,
    checkStore: store.check,
    concurrency: config.registry.concurrencyMax,
    collectCreated: config.registry.collectCreated,
    resumeWithinMs: config.general.updateIntervalMs,
    thoroughAfterMs: config.registry.thoroughIntervalMs,
    verifyBlobsPerCrawl: config.registry.verifyBlobsPerCrawl,
    emptyGuard: config.registry.emptyGuard,
    garbageCollector: config.registry.garbageCollector,
    clock,
    report: snapshotEvents(log),
  });
  const scheduler: Scheduler = createScheduler({
    intervalMs: config.general.updateIntervalMs,
    clock,
    steadyClock,
    sleepUntil,
    takeSnapshot: snapshots.takeSnapshot,
    completeSnapshot: snapshots.completeSnapshot,
    recrawlQueueLength: () => recrawlQueue.length(),
    isPullThroughCache: snapshots.isPullThroughCache,
    requestsCount: registry.requestsCount,
    heldUp: registry.heldUp,
    report: crawlEvents(log, registry, () => snapshots.latest() !== undefined),
  });
  const recrawlQueue = createRecrawlQueue({
    steadyClock,
    sleepUntil,
    isReady: () => snapshots.latest() !== undefined && scheduler.status().failure === undefined,
    isWanted: registry.isWanted,
    updateSnapshot: snapshots.updateSnapshot,
    crawlState: store.crawlState,
    report: recrawlEvents(log),
  });
  return { snapshots, scheduler, recrawlQueue };
}

/** Returns the address that the server listens on; all addresses are `0.0.0.0` or `[::]`. */
function hostOf(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') return String(address);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}
