import type { RepositoryName } from '../domain/names.ts';
import type { CrawlResult } from '../domain/snapshot/crawl-result.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { toSnapshot, toSnapshotInSteps } from '../domain/snapshot/to-snapshot.ts';
import { createSerialQueue } from '../lib/serial-queue.ts';
import { runYielding } from '../lib/yielding.ts';
import type {
  Catalogue,
  CrawlProgress,
  Registry,
  SnapshotOccasion,
  SnapshotStore,
  Snapshots,
  StoreFailure,
} from '../ports.ts';
import { type Crawled, type CrawlOptions, crawl, type Kept, recall, recrawl } from './crawl.ts';
import { refuseEmptied } from './empty-guard.ts';
import { noProgress } from './progress.ts';
import { createReadingOrder } from './reading-order.ts';

export interface SnapshotsOptions extends Omit<CrawlOptions, 'found' | 'kept' | 'order' | 'progress' | 'signal'> {
  readonly registry: Registry;
  readonly catalogue: Catalogue;
  readonly store: SnapshotStore;
  /** Throws a `StoreFailure` where what is stored is damaged: before anything is added to it. */
  readonly checkStore: () => Promise<void>;
  /** A crawl that was interrupted so long ago at most goes on where it was. */
  readonly resumeWithinMs: number;
  /** So long after a thorough crawl comes another one. */
  readonly thoroughAfterMs: number;
  /** Below this share of the tags that there were, a snapshot is not believed. From 0, which believes everything, to 1. */
  readonly emptyGuard: number;
  readonly report: SnapshotsReport;
}

/** What is said of the store, for a log. */
export interface SnapshotsReport {
  /** The last snapshot cannot be shown: a new one will be taken. */
  notLoaded(failure: StoreFailure): void;
  /** The snapshot is shown all the same. */
  notKept(failure: StoreFailure): void;
}

/** Takes snapshots, and shows the last one. */
export interface SnapshotTaker extends Snapshots {
  /** Shows what was saved before the service started. */
  load(): Promise<void>;
  /** Of the whole registry. Throws what `crawl` throws, and an `EmptyRegistryError` where it is not to be believed; then the last snapshot stays. */
  takeAll(progress: CrawlProgress, signal: AbortSignal): Promise<Snapshot>;
  /** In which these repositories are read again, and the others are as they were. There must have been one of the whole registry. Throws what `recrawl` throws. */
  takeSome(names: ReadonlySet<RepositoryName>, signal: AbortSignal): Promise<Snapshot>;
}

export function createSnapshots(options: SnapshotsOptions): SnapshotTaker {
  const { registry, catalogue, store, emptyGuard, report } = options;
  const checkStore = onceDone(options.checkStore);
  const oneAtATime = createSerialQueue();
  const order = createReadingOrder();
  const kept: Kept = { assembly: undefined };
  let latest: Snapshot | undefined;
  /** What the crawl of everything that is under way has found. */
  let found = new Set<RepositoryName>();
  /** Whether something was read again that no snapshot shows yet. */
  let isOutOfDate = false;
  const noteChange = (): void => {
    isOutOfDate = true;
  };

  /** What was shown once is shown again after a restart: so it is kept first. What cannot be kept is shown all the same. */
  async function show(fresh: Snapshot, findings: CrawlResult, occasion: SnapshotOccasion): Promise<Snapshot> {
    await store.save(fresh, findings, occasion).catch((error: unknown) => report.notKept(asStoreFailure(error)));
    latest = fresh;
    return fresh;
  }

  async function showAll(crawled: Crawled, names: ReadonlySet<RepositoryName>): Promise<Snapshot> {
    const findings = await crawled.assemble();
    const fresh = await runYielding(toSnapshotInSteps(findings));
    try {
      refuseEmptied(fresh, latest, emptyGuard, registry.isWanted);
    } catch (error) {
      await catalogue.abandon();
      throw error;
    }
    await catalogue.finish(names, crawled.illegal);
    return show(fresh, findings, 'collection');
  }

  return {
    latest: () => latest,
    async load() {
      const stored = await store.latest().catch((error: unknown) => report.notLoaded(asStoreFailure(error)));
      const findings = stored ?? (await recall(registry, catalogue));
      if (findings !== undefined) latest = toSnapshot(withoutUnwanted(findings, registry));
    },
    async takeAll(progress, signal) {
      await checkStore();
      const names = new Set<RepositoryName>();
      found = names;
      const crawled = await crawl(registry, catalogue, { ...options, order, kept, found: names, progress, signal });
      return oneAtATime(() => showAll(crawled, names));
    },
    async takeSome(names, signal) {
      await checkStore();
      const crawling = { ...options, order, kept, found, progress: noProgress(), signal, noteChange };
      const crawled = await recrawl(registry, catalogue, names, crawling);
      return oneAtATime(async () => {
        if (!isOutOfDate && latest !== undefined) return latest;
        const findings = await crawled.assemble();
        isOutOfDate = false;
        return show(await runYielding(toSnapshotInSteps(findings)), findings, 'notification');
      });
    },
  };
}

/** What is left out by now is not shown any more. */
function withoutUnwanted({ repositories, ...findings }: CrawlResult, { isWanted }: Registry): CrawlResult {
  return { ...findings, repositories: repositories.filter(({ name }) => isWanted(name)) };
}

/** Does it until it has succeeded once. */
function onceDone(task: () => Promise<void>): () => Promise<void> {
  let isDone = false;
  return async () => {
    if (!isDone) await task();
    isDone = true;
  };
}

function asStoreFailure(error: unknown): StoreFailure {
  if ((error as Partial<StoreFailure>).kind !== 'store') throw error;
  return error as StoreFailure;
}
