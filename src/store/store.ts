import type { Clock, CrawlState, History, ManifestCache, SnapshotStore } from '../ports.ts';

/** A store that is open: what every engine provides. Only one process has a store at a time. */
export interface Store {
  readonly crawlState: CrawlState;
  readonly manifestCache: ManifestCache;
  readonly snapshots: SnapshotStore;
  readonly history: History;
  /** Throws a `StoreError` if the store is damaged. Reads all of it, so that the start of the service does not wait for it. */
  check(): Promise<void>;
  /** Aborts the running check. It then rejects, and so does every later one. */
  endCheck(): void;
  /** Writes what is still queued. Running calls fail, and leave nothing incomplete that can be read. */
  close(): void;
}

export interface StoreOptions {
  /** The registry that the data is of. A store with data of another registry is refused. */
  readonly registryUrl: string;
  readonly retention: Retention;
  readonly clock: Clock;
}

/** For how long snapshots are kept, counted from the end of the crawl. */
export interface Retention {
  /** For every snapshot of a crawl, and for the last snapshot of every hour (UTC) that a notification caused. */
  readonly allMs: number;
  /** For the last snapshot of every day (UTC), after a crawl or a notification. */
  readonly dailyMs: number;
}
