import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type {
  Clock,
  CrawlProgress,
  CrawlScheduler,
  CrawlStatus,
  HeldUp,
  RegistryFailure,
  SteadyClock,
} from '../ports.ts';
import { failureKindOf, failureReasonOf } from './crawl-failure.ts';
import { createCrawlStats, noProgress } from './crawl-stats.ts';
import type { SleepUntil } from './sleep-until.ts';

export interface SchedulerOptions {
  /** From the start of one crawl to the start of the next. */
  readonly intervalMs: number;
  /** For the times that are shown. */
  readonly clock: Clock;
  /** For the schedule: if the other clock is set back by a day, the crawls must not pause for a day. */
  readonly steadyClock: SteadyClock;
  readonly sleepUntil: SleepUntil;
  /** Takes a snapshot of the whole registry, and updates `progress` meanwhile. */
  readonly takeSnapshot: (progress: CrawlProgress, signal: AbortSignal) => Promise<Snapshot>;
  /** Reads what the snapshot of a crawl lacks although its figures are complete. */
  readonly completeSnapshot?: (signal: AbortSignal) => Promise<void>;
  readonly recrawlQueueLength: () => number;
  /** Returns whether the registry is known to be a pull-through cache. */
  readonly isPullThroughCache: () => boolean;
  /** Returns the number of requests to the registry since the start of the service. */
  readonly requestsCount: () => number;
  /** Returns since when and until when servers hold up the requests; undefined while requests succeed. */
  readonly heldUp?: () => HeldUp | undefined;
  readonly report: SchedulerReport;
}

/** Hears what the scheduler does. */
export interface SchedulerReport {
  started(): void;
  finished(snapshot: Snapshot): void;
  /** The snapshot could not be completed; the next crawl tries again. */
  notCompleted?(error: unknown): void;
  /** @param retryAt milliseconds since the epoch */
  failed(error: unknown, retryAt: number): void;
}

/** Runs crawls again and again, one at a time. */
export interface Scheduler extends CrawlScheduler {
  start(): void;
  /** Aborts the current crawl, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** The delay after the first failure: long enough that no token service takes the retries for an attack (docs/adr/0005). */
const FIRST_RETRY_MS = 30_000;
/** The shortest time between the starts of two crawls that clients request, for the same reason. */
const MIN_BETWEEN_STARTS_MS = 10_000;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const stopped = new AbortController();
  const runner = createRunner(options, stopped.signal);
  const pause = createPause(options.sleepUntil, stopped.signal);
  /** Converts a time of the steady clock to one of the clock that is shown. */
  const toShownTime = (at: number): number => Math.round(options.clock() + at - options.steadyClock());
  let running: Promise<void> | undefined;
  let startedAt = 0;

  async function run(): Promise<void> {
    const firstAt = options.steadyClock();
    for (let failures = 0; !stopped.signal.aborted; ) {
      let nextAt: number;
      startedAt = options.steadyClock();
      try {
        await runner.run();
        failures = 0;
        nextAt = nextOnGrid(firstAt, options);
      } catch (error) {
        if (stopped.signal.aborted) return;
        nextAt = options.steadyClock() + retryAfterMs(failures++, options.intervalMs);
        runner.fail(error, toShownTime(nextAt));
      }
      await pause.until(nextAt);
    }
  }

  return {
    status() {
      const endsAt = pause.endsAt();
      const nextAt = endsAt === undefined ? undefined : toShownTime(endsAt);
      const { recrawlQueueLength, isPullThroughCache } = options;
      return {
        ...runner.status(),
        recrawlQueueLength: recrawlQueueLength(),
        isPullThroughCache: isPullThroughCache(),
        nextAt,
      };
    },
    stats: runner.stats,
    request() {
      if (!pause.isOn()) return 'running';
      const retryAfterMs = startedAt + MIN_BETWEEN_STARTS_MS - options.steadyClock();
      if (retryAfterMs > 0) return { retryAfterMs };
      pause.end();
      return 'started';
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

/** Runs one crawl at a time, and knows the current one and the outcome of the last one. */
function createRunner(options: SchedulerOptions, signal: AbortSignal) {
  const { clock, takeSnapshot, completeSnapshot, requestsCount, heldUp, report } = options;
  const stats = createCrawlStats(options);
  let running: (() => NonNullable<CrawlStatus['running']>) | undefined;
  let failure: CrawlStatus['failure'];
  let lastFinishedAt: number | undefined;
  return {
    status: () => ({ running: running?.(), failure, lastFinishedAt }),
    stats: stats.read,
    async run(): Promise<void> {
      const progress = noProgress();
      let snapshot: Snapshot;
      const [startedAt, requestsBefore] = [clock(), requestsCount()];
      running = () => ({ startedAt, progress, requestsCount: requestsCount() - requestsBefore, heldUp: heldUp?.() });
      stats.started(progress);
      report.started();
      try {
        snapshot = await takeSnapshot(progress, signal);
      } finally {
        running = undefined;
      }
      failure = undefined;
      stats.succeeded();
      lastFinishedAt = snapshot.finishedAt;
      report.finished(snapshot);
      await completeSnapshot?.(signal).catch((error: unknown) => {
        if (!signal.aborted) report.notCompleted?.(error);
      });
    },
    fail(error: unknown, retryAt: number): void {
      const kind = failureKindOf(error);
      const { request } = error as Partial<RegistryFailure>;
      failure = { at: clock(), kind, reason: failureReasonOf(error), request };
      stats.failed(kind);
      report.failed(error, retryAt);
    },
  };
}

/** The pause between two crawls, which can be ended early. */
function createPause(sleepUntil: SleepUntil, stopped: AbortSignal) {
  let current: { readonly endsAt: number; readonly ended: AbortController } | undefined;
  return {
    endsAt: () => current?.endsAt,
    async until(endsAt: number): Promise<void> {
      const ended = new AbortController();
      current = { endsAt, ended };
      await sleepUntil(endsAt, AbortSignal.any([stopped, ended.signal]));
      current = undefined;
    },
    isOn: () => current !== undefined && !stopped.aborted,
    end(): void {
      current?.ended.abort();
      current = undefined;
    },
  };
}

/** Doubles the delay after each failure, up to the interval, but never below the first delay. */
function retryAfterMs(failuresBefore: number, intervalMs: number): number {
  return Math.max(FIRST_RETRY_MS, Math.min(intervalMs, FIRST_RETRY_MS * 2 ** failuresBefore));
}

/** Returns the next time that is a whole number of intervals after the first start, so that slow crawls do not shift the schedule. */
function nextOnGrid(firstAt: number, { steadyClock, intervalMs }: SchedulerOptions): number {
  return firstAt + (Math.floor((steadyClock() - firstAt) / intervalMs) + 1) * intervalMs;
}
