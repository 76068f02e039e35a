import { noProgress } from '../src/crawl/crawl-stats.ts';
import { createSnapshotTaker } from '../src/crawl/snapshots.ts';
import type { Snapshot } from '../src/domain/snapshot/snapshot.ts';
import type { CrawlState, SnapshotStore } from '../src/ports.ts';
import type { DistributionRegistry } from '../src/registry/distribution.ts';
import type { Store } from '../src/store/store.ts';
import { snapshotTakerOptions } from '../test/support/take-snapshot.ts';
import { CONNECTIONS } from './bare.ts';
import { secondsFrom } from './median.ts';

/** The times of a whole crawl, from its start until its snapshot is saved. */
export interface TimedCrawl {
  readonly snapshot: Snapshot;
  readonly requests: number;
  /** Requests per second while the crawl reads the registry. */
  readonly requestsPerSecond: number;
  readonly seconds: Seconds;
}

interface Seconds {
  /** The integrity check of the store, before the first crawl after a start. */
  readonly checking: number;
  readonly reading: number;
  readonly assemblingAndCounting: number;
  readonly saving: number;
}

/** Returns a function that crawls as the service does, and takes the time at the end of each phase. */
export function createTimedCrawls(registry: DistributionRegistry, store: Store): () => Promise<TimedCrawl> {
  let [checkedAt, readAt, countedAt] = [0, 0, 0];
  const crawlState: CrawlState = {
    ...store.crawlState,
    unfinished() {
      checkedAt = performance.now(); // the first call of a crawl
      return store.crawlState.unfinished();
    },
    repositories(wanted) {
      readAt ||= performance.now(); // the first call after everything is read
      return store.crawlState.repositories(wanted);
    },
  };
  const snapshotStore: SnapshotStore = {
    latest: store.snapshots.latest,
    garbageCollector: store.snapshots.garbageCollector,
    save(snapshot, crawlResult, occasion) {
      countedAt = performance.now();
      return store.snapshots.save(snapshot, crawlResult, occasion);
    },
  };
  const options = snapshotTakerOptions(registry, CONNECTIONS, { ...store, crawlState, snapshots: snapshotStore });
  const snapshots = createSnapshotTaker({ ...options, checkStore: store.check });
  return async () => {
    readAt = 0;
    const requestsBefore = registry.requestsCount();
    const startedAt = performance.now();
    const snapshot = await snapshots.takeSnapshot(noProgress(), new AbortController().signal);
    const savedAt = performance.now();
    if (snapshot.gaps.length > 0) throw new Error('the crawl was not complete');
    const requests = registry.requestsCount() - requestsBefore;
    return {
      snapshot,
      requests,
      requestsPerSecond: Math.round((requests / (readAt - checkedAt)) * 1000),
      seconds: {
        checking: secondsFrom(startedAt, checkedAt),
        reading: secondsFrom(checkedAt, readAt),
        assemblingAndCounting: secondsFrom(readAt, countedAt),
        saving: secondsFrom(countedAt, savedAt),
      },
    };
  };
}
