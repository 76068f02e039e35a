import type { RepositoryName } from '../domain/names.ts';
import type { Catalogue, Collections, Notifications, SteadyClock } from '../ports.ts';
import type { Wait } from './wait.ts';

export interface NoticesOptions {
  readonly steadyClock: SteadyClock;
  readonly wait: Wait;
  /** Whether there is a snapshot to begin from, and the registry answered when it was asked last. */
  readonly isReady: () => boolean;
  /** Asks for a collection of everything, where there is none to begin from. */
  readonly request: Collections['request'];
  /** Takes a snapshot in which these repositories are read again. */
  readonly takeSome: (names: ReadonlySet<RepositoryName>, signal: AbortSignal) => Promise<unknown>;
  readonly catalogue: Pick<Catalogue, 'savePulls'>;
  readonly report: NoticesReport;
}

/** What is said of them, for a log. */
export interface NoticesReport {
  reread(names: ReadonlySet<RepositoryName>): void;
  /** The repositories stay noticed. */
  rereadFailed(names: ReadonlySet<RepositoryName>, error: unknown): void;
  pullsNotKept(error: unknown): void;
}

/** Reads again what a registry says has changed. */
export interface Notices extends Notifications {
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
const REST_FACTOR = 4;
const RETRY_MS = 5000;

export function createNotices(options: NoticesOptions): Notices {
  const { steadyClock, wait, isReady, request, takeSome, catalogue, report } = options;
  const stopped = new AbortController();
  const { signal } = stopped;
  let noticed = new Set<RepositoryName>();
  let underWay: ReadonlySet<RepositoryName> = new Set();
  let wake = (): void => undefined;
  let running: Promise<void> | undefined;

  const something = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (noticed.size > 0) wake();
    });

  /** How long to leave it alone afterwards. */
  async function reread(): Promise<number> {
    const names = noticed;
    const startedAt = steadyClock();
    noticed = new Set();
    underWay = names;
    try {
      await takeSome(names, signal);
      report.reread(names);
      return Math.max(LEAST_BETWEEN_MS, (steadyClock() - startedAt) * REST_FACTOR);
    } catch (error) {
      noticed = new Set([...names, ...noticed]);
      if (!signal.aborted) report.rereadFailed(names, error);
      return RETRY_MS;
    } finally {
      underWay = new Set();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await something();
      await wait(steadyClock() + SETTLE_MS, signal);
      if (signal.aborted) return;
      if (!isReady()) request();
      const restMs = isReady() ? await reread() : RETRY_MS;
      await wait(steadyClock() + restMs, signal);
    }
  }

  return {
    changed(repositories) {
      for (const name of repositories) noticed.add(name);
      wake();
    },
    pulled(pulls) {
      catalogue.savePulls(pulls).catch(report.pullsNotKept);
    },
    count: () => new Set([...noticed, ...underWay]).size,
    start() {
      running ??= run();
    },
    async stop() {
      stopped.abort();
      wake();
      await running;
    },
  };
}
