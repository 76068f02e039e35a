import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { createSnapshotTaker, type SnapshotTaker, type SnapshotTakerOptions } from '../../src/crawl/snapshots.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { CrawlState, ManifestCache, Registry, SnapshotStore } from '../../src/ports.ts';
import { createMemoryStore } from './memory-store.ts';

interface Stores {
  readonly crawlState: CrawlState;
  readonly manifestCache: ManifestCache;
  readonly snapshots: SnapshotStore;
}

function fail(failure: Error): never {
  throw failure;
}

/** Returns the options of a snapshot taker with at most `concurrency` requests at once and, by default, a store in memory. */
export function snapshotTakerOptions(
  registry: Registry,
  concurrency: number,
  { crawlState, manifestCache, snapshots }: Stores = createMemoryStore(),
): SnapshotTakerOptions {
  return {
    registry,
    crawlState,
    manifestCache,
    snapshotStore: snapshots,
    checkStore: async () => undefined,
    concurrency,
    collectCreated: true,
    resumeWithinMs: 3_600_000,
    thoroughAfterMs: 86_400_000,
    verifyBlobsPerCrawl: 10_000,
    emptyGuard: 0.1,
    garbageCollector: 'distribution-3',
    clock: Date.now,
    report: { notLoaded: fail, notSaved: fail, pullsThrough: () => undefined },
  };
}

/** Crawls the whole registry, as the service does the first time, and reads the configs of images too. */
export async function takeSnapshot(
  registry: Registry,
  concurrency: number,
  { signal = new AbortController().signal, ...changes }: Partial<SnapshotTakerOptions> & { signal?: AbortSignal } = {},
): Promise<Snapshot> {
  const options = { ...snapshotTakerOptions(registry, concurrency), ...changes };
  return takeWholeSnapshot(createSnapshotTaker(options), signal);
}

/** Takes a snapshot, reads the configs that it lacks, and returns the snapshot that has them. */
export async function takeWholeSnapshot(snapshots: SnapshotTaker, signal: AbortSignal): Promise<Snapshot> {
  const taken = await snapshots.takeSnapshot(noProgress(), signal);
  await snapshots.completeSnapshot(signal);
  return snapshots.latest() ?? taken;
}
