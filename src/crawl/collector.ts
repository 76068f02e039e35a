import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Clock, Snapshots } from '../ports.ts';

export interface CollectorOptions {
  /** From the start of one collection to the start of the next. */
  readonly intervalMs: number;
  readonly clock: Clock;
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

/** A registry that answers, but suddenly holds nothing: an outage or a lost database must not read as "all freed". */
export class EmptyRegistryError extends Error {
  override readonly name = 'EmptyRegistryError';

  constructor() {
    super('the registry answered that it holds no tags, where it held some before; the last snapshot stays');
  }
}

/** A failed collection is tried again sooner than the interval, at a pace that no token service takes for an attack. */
const FIRST_RETRY_MS = 30_000;
/** The longest wait that a timer can hold is 2^31 - 1 ms; longer ones are waited for in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function createCollector(options: CollectorOptions): Collector {
  const stopped = new AbortController();
  const { signal } = stopped;
  let latest: Snapshot | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    let dueAt = options.clock();
    for (let failures = 0; !signal.aborted; ) {
      options.report.started();
      try {
        latest = unlessEmptied(await options.collect(signal), latest);
        options.report.finished(latest);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        options.report.failed(error, nextAfter(dueAt, failures));
      }
      dueAt = nextAfter(dueAt, failures);
      await sleepUntil(dueAt, options.clock, signal);
    }
  }

  /** On the grid of intervals that the first start began, so that slow collections do not shift it; after failures sooner. */
  function nextAfter(dueAt: number, failures: number): number {
    const now = options.clock();
    const passed = Math.floor(Math.max(0, now - dueAt) / options.intervalMs) + 1;
    const onGrid = dueAt + passed * options.intervalMs;
    return failures === 0 ? onGrid : Math.min(onGrid, now + FIRST_RETRY_MS * 2 ** (failures - 1));
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

function unlessEmptied(fresh: Snapshot, last: Snapshot | undefined): Snapshot {
  const isEmpty = fresh.repositories.every((repository) => repository.tags.length === 0 && repository.isComplete);
  const wasFull = last?.repositories.some((repository) => repository.tags.length > 0) ?? false;
  if (isEmpty && wasFull) throw new EmptyRegistryError();
  return fresh;
}

async function sleepUntil(at: number, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let left = at - clock(); left > 0; left = at - clock()) {
    await sleep(Math.min(left, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}
