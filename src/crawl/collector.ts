import type { Snapshot } from '../domain/snapshot.ts';
import type { Clock, Snapshots } from '../ports.ts';

export interface CollectorOptions {
  /** From the start of one collection to the start of the next. */
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Resolves at that time (milliseconds since the epoch), or as soon as the signal says so. */
  readonly wait: (until: number, signal: AbortSignal) => Promise<void>;
  readonly collect: (signal: AbortSignal) => Promise<Snapshot>;
  readonly report: CollectorReport;
}

/** What is said of the collections, for a log. */
export interface CollectorReport {
  started(): void;
  finished(snapshot: Snapshot): void;
  /** The last good snapshot stays. `retryAt` is milliseconds since the epoch. */
  failed(error: unknown, retryAt: number): void;
}

/** Collects again and again, one collection at a time, and keeps the last good snapshot. */
export interface Collector extends Snapshots {
  start(): void;
  /** Ends the collection under way, and resolves when it has. */
  stop(): Promise<void>;
}

/** A registry that answers, but suddenly holds nothing to read: an outage or a lost database must not read as "all freed". */
export class EmptyRegistryError extends Error {
  override readonly name = 'EmptyRegistryError';

  constructor() {
    super('no tag can be read any more, where there were some before; the last snapshot stays');
  }
}

/** A failed collection is tried again sooner than the interval, at a pace that no token service takes for an attack. */
const FIRST_RETRY_MS = 30_000;

export function createCollector(options: CollectorOptions): Collector {
  const stopped = new AbortController();
  const { signal } = stopped;
  let latest: Snapshot | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    const firstAt = options.clock();
    for (let failures = 0; !signal.aborted; ) {
      options.report.started();
      let nextAt: number;
      try {
        latest = unlessEmptied(await options.collect(signal), latest);
        failures = 0;
        nextAt = nextOnGrid(firstAt, options);
        options.report.finished(latest);
      } catch (error) {
        if (signal.aborted) return;
        nextAt = Math.min(nextOnGrid(firstAt, options), options.clock() + FIRST_RETRY_MS * 2 ** failures);
        failures++;
        options.report.failed(error, nextAt);
      }
      await options.wait(nextAt, signal);
    }
  }

  return {
    latest: () => latest,
    start() {
      running ??= run();
    },
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

/** The next of the times that lie whole intervals after the first start, so that slow collections do not shift it. */
function nextOnGrid(firstAt: number, { clock, intervalMs }: CollectorOptions): number {
  return firstAt + (Math.floor((clock() - firstAt) / intervalMs) + 1) * intervalMs;
}

function unlessEmptied(fresh: Snapshot, last: Snapshot | undefined): Snapshot {
  if (last !== undefined && hasFigures(last) && !hasFigures(fresh)) throw new EmptyRegistryError();
  return fresh;
}

function hasFigures({ repositories }: Snapshot): boolean {
  return repositories.some((repository) => repository.tags.some((tag) => tag.sizeBytes !== null));
}
