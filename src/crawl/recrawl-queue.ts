import type { RepositoryName } from '../domain/names.ts';
import type { Catalogue, Notifications, SteadyClock } from '../ports.ts';
import type { SleepUntil } from './sleep-until.ts';

export interface RecrawlQueueOptions {
  readonly steadyClock: SteadyClock;
  readonly wait: SleepUntil;
  /** Whether there is a snapshot to begin from, and the registry answered when it was asked last. */
  readonly isReady: () => boolean;
  /** Whether a repository is one of those that are read at all. */
  readonly isWanted: (name: RepositoryName) => boolean;
  /** Takes a snapshot in which these repositories are read again. */
  readonly takeSome: (names: ReadonlySet<RepositoryName>, signal: AbortSignal) => Promise<unknown>;
  readonly catalogue: Pick<Catalogue, 'savePulls'>;
  readonly report: RecrawlQueueReport;
}

/** What is said of them, for a log. */
export interface RecrawlQueueReport {
  reread(names: ReadonlySet<RepositoryName>): void;
  /** The repositories stay noticed. */
  rereadFailed(names: ReadonlySet<RepositoryName>, error: unknown): void;
  pullsNotKept(error: unknown): void;
}

/** Reads again what a registry says has changed. */
export interface RecrawlQueue extends Notifications {
  /** How many repositories are to be read again, or are being read again. */
  count(): number;
  start(): void;
  /** Ends what is under way, and resolves when it has. */
  stop(): Promise<void>;
}

/** A push is several notifications, and a script pushes several tags. */
const SETTLE_MS = 500;
/** From the end of one to the next; longer where a snapshot takes long, so that those who look at it have most of the time. */
const LEAST_BETWEEN_MS = 1500;
const REST_FACTOR = 2;
/** What failed is tried again twice as late each time, up to the last. */
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 300_000;
/** So many are read again at once; fewer after a failure, so that one which cannot be read does not keep the others from it. */
const LARGEST_BATCH = 500;
/** More than that nobody pushes to within seconds: what is beyond, the next collection finds. */
const MOST_NOTICED = 10_000;

export function createRecrawlQueue(options: RecrawlQueueOptions): RecrawlQueue {
  const { steadyClock, wait, isReady, isWanted, catalogue, report } = options;
  const stopped = new AbortController();
  const { signal } = stopped;
  const noticed = createNoticed();
  let running: Promise<void> | undefined;
  let saving = Promise.resolve();
  let failures = 0;
  let batch = LARGEST_BATCH;
  const retryMs = (): number => Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);

  /** How long to leave it alone afterwards. */
  async function reread(): Promise<number> {
    const names = noticed.take(batch);
    const startedAt = steadyClock();
    try {
      await options.takeSome(names, signal);
      noticed.done();
      report.reread(names);
      failures = 0;
      batch = Math.min(LARGEST_BATCH, batch * 2);
      return Math.max(LEAST_BETWEEN_MS, (steadyClock() - startedAt) * REST_FACTOR);
    } catch (error) {
      noticed.putBack();
      batch = Math.max(1, Math.floor(names.size / 4));
      if (!signal.aborted) report.rereadFailed(names, error);
      return retryMs();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await noticed.some();
      await wait(steadyClock() + SETTLE_MS, signal);
      if (signal.aborted) return;
      // Where there is nothing to begin from, or nobody answers, the next collection finds it all out, at its own pace.
      const restMs = isReady() ? await reread() : LEAST_BETWEEN_MS;
      await wait(steadyClock() + restMs, signal);
    }
  }

  return {
    changed(repositories) {
      noticed.add(repositories.filter(isWanted));
    },
    pulled(pulls) {
      const wanted = pulls.filter(({ repository }) => isWanted(repository));
      saving = saving.then(() => catalogue.savePulls(wanted)).catch(report.pullsNotKept);
    },
    count: noticed.count,
    start() {
      running ??= run();
    },
    async stop() {
      stopped.abort();
      noticed.wake();
      await Promise.all([running, saving]);
    },
  };
}

/** The repositories that are to be read again, and those that are being read again. */
function createNoticed() {
  let noticed = new Set<RepositoryName>();
  let taken = new Set<RepositoryName>();
  let wake = (): void => undefined;
  return {
    add(names: readonly RepositoryName[]): void {
      for (const name of names) if (noticed.size < MOST_NOTICED) noticed.add(name);
      if (noticed.size > 0) wake();
    },
    count: () => noticed.size + taken.size,
    /** Resolves as soon as there are some, or at `wake`. */
    some: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
        if (noticed.size > 0) resolve();
      }),
    wake: () => wake(),
    /** The first of them, at most so many. */
    take(most: number): ReadonlySet<RepositoryName> {
      const names = [...noticed];
      [taken, noticed] = [new Set(names.slice(0, most)), new Set(names.slice(most))];
      return taken;
    },
    done(): void {
      taken = new Set();
    },
    /** Behind the others. */
    putBack(): void {
      [noticed, taken] = [new Set([...noticed, ...taken]), new Set()];
    },
  };
}
