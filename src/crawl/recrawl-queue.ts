import type { RepositoryName } from '../domain/names.ts';
import { createSerialQueue } from '../lib/serial-queue.ts';
import type { CrawlState, Notifications, SteadyClock } from '../ports.ts';
import type { SleepUntil } from './sleep-until.ts';

export interface RecrawlQueueOptions {
  readonly steadyClock: SteadyClock;
  readonly sleepUntil: SleepUntil;
  /** Returns whether there is a snapshot to update, and the last crawl has not failed. */
  readonly isReady: () => boolean;
  readonly isWanted: (name: RepositoryName) => boolean;
  /** Takes a snapshot in which only these repositories are read again. */
  readonly updateSnapshot: (names: ReadonlySet<RepositoryName>, signal: AbortSignal) => Promise<unknown>;
  readonly crawlState: Pick<CrawlState, 'savePulls'>;
  readonly report: RecrawlQueueReport;
}

/** Hears what the queue does. */
export interface RecrawlQueueReport {
  recrawled(names: ReadonlySet<RepositoryName>): void;
  /** The repositories stay in the queue. */
  failed(names: ReadonlySet<RepositoryName>, error: unknown): void;
  pullsNotSaved(error: unknown): void;
}

/** Reads repositories again after the registry has notified the service of changes. */
export interface RecrawlQueue extends Notifications {
  /** Returns how many repositories are to be read again, or are being read again. */
  length(): number;
  start(): void;
  /** Aborts the current recrawl, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** How long to collect notifications first: one push causes several, and a script pushes several tags. */
const SETTLE_MS = 500;
/** The pause from the end of one recrawl to the start of the next: this long, or REST_FACTOR times as long as the recrawl took if that is longer. */
const MIN_REST_MS = 1500;
const REST_FACTOR = 2;
/** The delay after a failure, which doubles each time up to the longest. */
const FIRST_RETRY_MS = 5000;
const MAX_RETRY_MS = 300_000;
/** How many repositories one recrawl reads. Fewer after a failure, so that one unreadable repository does not hold up the others. */
const MAX_BATCH = 500;
/** The longest queue. More pushes within seconds are unlikely, and the next crawl finds the rest. */
const MAX_QUEUE_LENGTH = 10_000;

export function createRecrawlQueue(options: RecrawlQueueOptions): RecrawlQueue {
  const { steadyClock, sleepUntil, isReady, isWanted, crawlState, report } = options;
  const stopped = new AbortController();
  const { signal } = stopped;
  const queue = createNameQueue();
  const inOrder = createSerialQueue();
  let running: Promise<void> | undefined;
  let saving: Promise<void> | undefined;
  let failures = 0;
  let batchSize = MAX_BATCH;
  const retryMs = (): number => Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);

  /** Reads one batch again, and returns how long to rest afterwards. */
  async function recrawl(): Promise<number> {
    const names = queue.take(batchSize);
    const startedAt = steadyClock();
    try {
      await options.updateSnapshot(names, signal);
      queue.done();
      report.recrawled(names);
      failures = 0;
      batchSize = Math.min(MAX_BATCH, batchSize * 2);
      return Math.max(MIN_REST_MS, (steadyClock() - startedAt) * REST_FACTOR);
    } catch (error) {
      queue.putBack();
      batchSize = Math.max(1, Math.floor(names.size / 4));
      if (!signal.aborted) report.failed(names, error);
      return retryMs();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await queue.notEmpty();
      await sleepUntil(steadyClock() + SETTLE_MS, signal);
      if (signal.aborted) return;
      // Without a snapshot to update, or while the registry is down, the next crawl reads everything anyway.
      const restMs = isReady() ? await recrawl() : MIN_REST_MS;
      await sleepUntil(steadyClock() + restMs, signal);
    }
  }

  return {
    changed(repositories) {
      queue.add(repositories.filter(isWanted));
    },
    pulled(pulls) {
      const wanted = pulls.filter(({ repository }) => isWanted(repository));
      saving = inOrder(() => crawlState.savePulls(wanted)).catch(report.pullsNotSaved);
    },
    length: queue.length,
    start() {
      running ??= run();
    },
    async stop() {
      stopped.abort();
      queue.wake();
      await Promise.all([running, saving]);
    },
  };
}

/** The repositories that wait to be read again, and those that are being read. */
function createNameQueue() {
  let waiting = new Set<RepositoryName>();
  let taken = new Set<RepositoryName>();
  let wake = (): void => undefined;
  return {
    add(names: readonly RepositoryName[]): void {
      for (const name of names) if (waiting.size < MAX_QUEUE_LENGTH) waiting.add(name);
      if (waiting.size > 0) wake();
    },
    length: () => waiting.size + taken.size,
    /** Resolves as soon as a name is waiting, or at `wake`. */
    notEmpty: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
        if (waiting.size > 0) resolve();
      }),
    wake: () => wake(),
    /** Takes the first names, at most `count`. */
    take(count: number): ReadonlySet<RepositoryName> {
      const names = [...waiting];
      [taken, waiting] = [new Set(names.slice(0, count)), new Set(names.slice(count))];
      return taken;
    },
    done(): void {
      taken = new Set();
    },
    /** Puts the taken names behind the waiting ones. */
    putBack(): void {
      [waiting, taken] = [new Set([...waiting, ...taken]), new Set()];
    },
  };
}
