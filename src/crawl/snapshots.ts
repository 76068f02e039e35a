import type { RepositoryName } from '../domain/names.ts';
import type { CrawlResult } from '../domain/snapshot/crawl-result.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { toSnapshot, toSnapshotInSteps } from '../domain/snapshot/to-snapshot.ts';
import type { AssumedCollector, Engine } from '../domain/usage/garbage-collector.ts';
import { createSerialQueue } from '../lib/serial-queue.ts';
import { runYielding } from '../lib/yielding.ts';
import type { CrawlProgress, Registry, SnapshotOccasion, SnapshotStore, Snapshots, StoreFailure } from '../ports.ts';
import { type CollectorDetection, createCollectorDetection } from './assembly/collector-detection.ts';
import {
  type AssemblyCache,
  type CrawlIntervals,
  type CrawlOptions,
  crawl,
  type FinishedCrawl,
  recall,
  recrawl,
} from './crawl.ts';
import type { CrawlPorts } from './crawl-ports.ts';
import { noProgress } from './crawl-stats.ts';
import { rejectEmptied } from './empty-guard.ts';
import { pendingConfigs, readConfigs } from './pending-configs.ts';
import { createReadingOrder } from './reading-order.ts';
import { pulledThroughAt } from './stored/pull-through.ts';

export interface SnapshotTakerOptions
  extends CrawlPorts,
    CrawlIntervals,
    Omit<
      CrawlOptions,
      | 'collectorDetection'
      | 'found'
      | 'reusable'
      | 'order'
      | 'progress'
      | 'signal'
      | 'pulledThroughAt'
      | 'onPullThrough'
    > {
  readonly snapshotStore: SnapshotStore;
  /** The garbage collector that the figures are computed for; `auto` asks the registry. */
  readonly garbageCollector: Engine | 'auto';
  /** Throws a `StoreFailure` if the store is damaged. Called before anything is added to the store. */
  readonly checkStore: () => Promise<void>;
  /** A snapshot with less than this share of the readable tags of the last one is rejected: from 0, which accepts everything, to 1. */
  readonly emptyGuard: number;
  readonly report: SnapshotTakerReport;
}

/** Hears of problems with the store that are not errors of a crawl. */
export interface SnapshotTakerReport {
  /** The last snapshot could not be loaded. */
  notLoaded(failure: StoreFailure): void;
  /** The new snapshot could not be saved. It is shown nevertheless. */
  notSaved(failure: StoreFailure): void;
  /** The crawl that has begun reads a pull-through cache. */
  pullsThrough(): void;
}

/** Takes snapshots, and holds the latest one. */
export interface SnapshotTaker extends Snapshots {
  /** Returns whether the registry is known to be a pull-through cache. */
  isPullThroughCache(): boolean;
  /** Loads the last snapshot that was saved before the service started. */
  load(): Promise<void>;
  /**
   * Takes a snapshot of the whole registry. Throws what `crawl` throws, and an `EmptyRegistryError` if the snapshot is rejected; the last snapshot
   * then stays.
   */
  takeSnapshot(progress: CrawlProgress, signal: AbortSignal): Promise<Snapshot>;
  /**
   * Reads the configs of images that the latest snapshot lacks, and takes a snapshot that has them. The first crawl leaves them out, so that its figures
   * are shown as soon as all manifests are read. Throws if the registry or the store fails.
   */
  completeSnapshot(signal: AbortSignal): Promise<void>;
  /** Takes a snapshot in which only these repositories are read again. There must be one of the whole registry. Throws what `recrawl` throws. */
  updateSnapshot(names: ReadonlySet<RepositoryName>, signal: AbortSignal): Promise<Snapshot>;
}

export function createSnapshotTaker(options: SnapshotTakerOptions): SnapshotTaker {
  const { registry } = options;
  const checkStore = untilSuccess(options.checkStore);
  const inOrder = createSerialQueue();
  const collectorDetection = createCollectorDetection(registry, options.garbageCollector);
  const shared = createSharedOptions(options, collectorDetection);
  const held = holdLatest(options);
  /** The repositories that the current crawl of the whole registry has found. */
  let found = new Set<RepositoryName>();

  const taker: SnapshotTaker = {
    latest: held.latest,
    isPullThroughCache: () => pulledThroughAt(registry, held.latest()?.pulledThroughAt, options.clock()) !== undefined,
    async load() {
      held.set(await loadLatest(options, collectorDetection));
    },
    async takeSnapshot(progress, signal) {
      await checkStore();
      const names = new Set<RepositoryName>();
      found = names;
      const configs = { collectCreated: options.collectCreated && held.latest() !== undefined };
      const finished = await crawl(options, { ...shared(held.latest()), ...configs, found: names, progress, signal });
      return inOrder(() => finish(finished, names, held, options));
    },
    async completeSnapshot(signal) {
      const pending = await held.pendingConfigs();
      if (pending === undefined) return;
      await readConfigs(options, pending, { concurrency: options.concurrency, signal });
      if (pending.length === 0) return held.noteConfigs('read');
      shared(held.latest()).reusable.assembly = undefined; // it lacks the configs of manifests that it has
      held.noteChange();
      held.noteConfigs('read');
      await taker.updateSnapshot(new Set(), signal).catch((error: unknown) => {
        held.noteConfigs('needed');
        throw error;
      });
    },
    async updateSnapshot(names, signal) {
      await checkStore();
      const recrawlOptions = {
        ...shared(held.latest()),
        found,
        progress: noProgress(),
        signal,
        noteChange: held.noteChange,
      };
      const finished = await recrawl(options, names, recrawlOptions);
      return inOrder(async () => {
        const latest = held.latest();
        if (!held.isOutOfDate() && latest !== undefined) return latest;
        const crawlResult = await finished.assemble();
        held.noteAssembled();
        return held.show(await runYielding(toSnapshotInSteps(crawlResult)), crawlResult, 'notification');
      });
    },
  };
  return taker;
}

/** Computes the snapshot of a crawl of the whole registry, and shows it unless it is rejected. */
async function finish(
  finished: FinishedCrawl,
  names: ReadonlySet<RepositoryName>,
  held: ReturnType<typeof holdLatest>,
  { registry, crawlState, emptyGuard }: SnapshotTakerOptions,
): Promise<Snapshot> {
  const crawlResult = await finished.assemble();
  const fresh = await runYielding(toSnapshotInSteps(crawlResult));
  try {
    rejectEmptied(fresh, held.latest(), emptyGuard, registry.isWanted);
  } catch (error) {
    await crawlState.abandon();
    throw error;
  }
  await crawlState.finish(names, finished);
  return held.show(fresh, crawlResult, 'crawl');
}

/** Holds the latest snapshot, and knows whether it is out of date or lacks configs of images. */
function holdLatest({ snapshotStore, report, collectCreated }: SnapshotTakerOptions) {
  let latest: Snapshot | undefined;
  /** Whether configs may be missing that no crawl will ask for: in the first snapshot, and after a restart. */
  let needsConfigs = collectCreated;
  /** Whether a recrawl has changed a record since the last snapshot. */
  let isOutOfDate = false;
  return {
    latest: () => latest,
    set(loaded: Snapshot | undefined): void {
      latest = loaded;
    },
    /** Returns the configs that the latest snapshot lacks; undefined if none need to be read. */
    pendingConfigs: async () =>
      needsConfigs && latest !== undefined ? runYielding(pendingConfigs(latest)) : undefined,
    isOutOfDate: () => isOutOfDate,
    noteChange(): void {
      isOutOfDate = true;
    },
    noteAssembled(): void {
      isOutOfDate = false;
    },
    noteConfigs(state: 'needed' | 'read'): void {
      needsConfigs = state === 'needed';
    },
    /** Saves a snapshot before it is shown, so that a snapshot that was shown is still there after a restart. */
    async show(taken: Snapshot, crawlResult: CrawlResult, occasion: SnapshotOccasion): Promise<Snapshot> {
      const configsPending = needsConfigs ? (await runYielding(pendingConfigs(taken))).length : 0;
      const fresh = { ...taken, configsPending };
      await snapshotStore
        .save(fresh, { ...crawlResult, configsPending }, occasion)
        .catch((error) => report.notSaved(asStoreFailure(error)));
      latest = fresh;
      return fresh;
    },
  };
}

/** Returns a function that returns the options that all crawls share, given the latest snapshot. */
function createSharedOptions(options: SnapshotTakerOptions, collectorDetection: CollectorDetection) {
  const order = createReadingOrder();
  const reusable: AssemblyCache = { assembly: undefined };
  const onPullThrough = options.report.pullsThrough;
  return (latest: Snapshot | undefined) => ({
    ...options,
    order,
    reusable,
    collectorDetection,
    onPullThrough,
    pulledThroughAt: latest?.pulledThroughAt,
  });
}

/** Returns the last snapshot that was saved, or else computes it again from the records; undefined if there are none. */
async function loadLatest(
  options: SnapshotTakerOptions,
  collectorDetection: CollectorDetection,
): Promise<Snapshot | undefined> {
  const { registry, snapshotStore, report } = options;
  const stored = await snapshotStore.latest().catch((error: unknown) => report.notLoaded(asStoreFailure(error)));
  const earlier = stored?.garbageCollector ?? (await snapshotStore.garbageCollector().catch(() => undefined));
  collectorDetection.restore(earlier);
  const collector = collectorDetection.known();
  const crawlResult = stored ?? (await recall(options, collector));
  return crawlResult && toSnapshot(asConfigured(crawlResult, registry, collector));
}

/** Applies what the configuration has changed since the crawl: repositories that it excludes, and the garbage collector. */
function asConfigured(
  crawlResult: CrawlResult,
  { isWanted }: Registry,
  garbageCollector: AssumedCollector,
): CrawlResult {
  const repositories = crawlResult.repositories.filter(({ name }) => isWanted(name));
  return { ...crawlResult, repositories, garbageCollector };
}

/** Returns a function that runs the task on every call until the task has succeeded once. */
function untilSuccess(task: () => Promise<void>): () => Promise<void> {
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
