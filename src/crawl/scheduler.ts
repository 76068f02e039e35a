import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Clock, CrawlProgress, CrawlScheduler, CrawlStatus, SteadyClock } from '../ports.ts';
import { failureKindOf, failureReasonOf } from './crawl-failure.ts';
import { createCrawlStats } from './crawl-stats.ts';
import { noProgress } from './progress.ts';
import type { SleepUntil } from './sleep-until.ts';

export interface SchedulerOptions {
  /** From the start of one collection to the start of the next. */
  readonly intervalMs: number;
  /** For the times that are shown. */
  readonly clock: Clock;
  /** For the pace: a clock that is set back by a day must not stop the collections for one. */
  readonly steadyClock: SteadyClock;
  readonly wait: SleepUntil;
  /** Takes a snapshot of everything, and counts as it goes. */
  readonly takeAll: (progress: CrawlProgress, signal: AbortSignal) => Promise<Snapshot>;
  /** How many repositories are to be read again before the next collection. */
  readonly recrawlQueueLength: () => number;
  /** How many requests went to the registry since the start. */
  readonly requestsCount: () => number;
  readonly report: SchedulerReport;
}

/** What is said of the collections, for a log. */
export interface SchedulerReport {
  started(): void;
  finished(snapshot: Snapshot): void;
  /** `retryAt` is milliseconds since the epoch. */
  failed(reason: string, retryAt: number): void;
}

/** Collects again and again, one collection at a time. */
export interface Scheduler extends CrawlScheduler {
  start(): void;
  /** Ends the collection under way, and resolves when it has. */
  stop(): Promise<void>;
}

/** A failed collection is tried again at a pace that no token service takes for an attack (docs/adr/0005). */
const FIRST_RETRY_MS = 30_000;
/** Whoever asks for a collection again and again gets one so often at most: a token service takes more for an attack. */
const LEAST_BETWEEN_STARTS_MS = 10_000;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const stopped = new AbortController();
  const runner = createRunner(options, stopped.signal);
  const pause = createBackpressure(options, stopped.signal);
  /** What the other clock shows at that time of the steady one. */
  const shown = (at: number): number => Math.round(options.clock() + at - options.steadyClock());
  let running: Promise<void> | undefined;
  let startedAt = 0;

  async function run(): Promise<void> {
    const firstAt = options.steadyClock();
    for (let failures = 0; !stopped.signal.aborted; ) {
      let nextAt: number;
      startedAt = options.steadyClock();
      try {
        await runner.collect();
        failures = 0;
        nextAt = nextOnGrid(firstAt, options);
      } catch (error) {
        if (stopped.signal.aborted) return;
        nextAt = options.steadyClock() + retryAfterMs(failures++, options.intervalMs);
        runner.fail(error, shown(nextAt));
      }
      await pause.until(nextAt);
    }
  }

  return {
    status() {
      const endsAt = pause.endsAt();
      const nextAt = endsAt === undefined ? undefined : shown(endsAt);
      return { ...runner.status(), recrawlQueueLength: options.recrawlQueueLength(), nextAt };
    },
    stats: runner.stats,
    request() {
      if (!pause.isOn()) return 'running';
      const retryAfterMs = startedAt + LEAST_BETWEEN_STARTS_MS - options.steadyClock();
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

/** Collects once at a time, and knows what goes on and how it went last. */
function createRunner(options: SchedulerOptions, signal: AbortSignal) {
  const { clock, takeAll, requestsCount, report } = options;
  const stats = createCrawlStats(options);
  let running: (() => NonNullable<CrawlStatus['running']>) | undefined;
  let failure: CrawlStatus['failure'];
  let lastFinishedAt: number | undefined;
  return {
    status: () => ({ running: running?.(), failure, lastFinishedAt }),
    stats: stats.soFar,
    async collect(): Promise<void> {
      const progress = noProgress();
      let taken: Snapshot;
      const [startedAt, requestsBefore] = [clock(), requestsCount()];
      running = () => ({ startedAt, progress, requestsCount: requestsCount() - requestsBefore });
      stats.started(progress);
      report.started();
      try {
        taken = await takeAll(progress, signal);
      } finally {
        running = undefined;
      }
      failure = undefined;
      stats.succeeded();
      lastFinishedAt = taken.finishedAt;
      report.finished(taken);
    },
    fail(error: unknown, retryAt: number): void {
      const kind = failureKindOf(error);
      failure = { at: clock(), kind, reason: failureReasonOf(error) };
      stats.failed(kind);
      report.failed(error instanceof Error ? error.message : String(error), retryAt);
    },
  };
}

/** Waits between two collections, and can be made to stop waiting. */
function createBackpressure({ wait }: SchedulerOptions, stopped: AbortSignal) {
  let current: { readonly endsAt: number; readonly ended: AbortController } | undefined;
  return {
    endsAt: () => current?.endsAt,
    async until(endsAt: number): Promise<void> {
      const ended = new AbortController();
      current = { endsAt, ended };
      await wait(endsAt, AbortSignal.any([stopped, ended.signal]));
      current = undefined;
    },
    isOn: () => current !== undefined && !stopped.aborted,
    end(): void {
      current?.ended.abort();
      current = undefined;
    },
  };
}

/** Twice as long after each failure, up to the interval; where the interval is shorter than the first of these waits, that one. */
function retryAfterMs(failuresBefore: number, intervalMs: number): number {
  return Math.max(FIRST_RETRY_MS, Math.min(intervalMs, FIRST_RETRY_MS * 2 ** failuresBefore));
}

/** The next of the times that lie whole intervals after the first start, so that slow collections do not shift it. */
function nextOnGrid(firstAt: number, { steadyClock, intervalMs }: SchedulerOptions): number {
  return firstAt + (Math.floor((steadyClock() - firstAt) / intervalMs) + 1) * intervalMs;
}
