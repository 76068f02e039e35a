import { StoreError } from '../errors.ts';
import type { Store, StoreOptions } from '../store.ts';
import { createCrawlState } from './crawl-state.ts';
import { type Database, openDatabase } from './database.ts';
import { createManifestCache } from './manifest-cache.ts';
import { createScheduledIntegrityCheck } from './scheduled-integrity-check.ts';
import { createSnapshotStore } from './snapshots.ts';

export interface SqliteStoreOptions extends StoreOptions {
  /** The path of the file, which is created if it does not exist, or `:memory:`. */
  readonly file: string;
}

/** Opens a store in an SQLite file. Throws a `StoreError` if the store cannot be used. */
export function openStore({ file, registryUrl, ...options }: SqliteStoreOptions): Store {
  const database = openDatabase(file);
  try {
    claim(database, registryUrl);
  } catch (error) {
    database.close();
    throw error;
  }
  const manifestCache = createManifestCache(database);
  const snapshots = createSnapshotStore(database, manifestCache, options);
  const check = createScheduledIntegrityCheck(database);
  return {
    crawlState: createCrawlState(database, manifestCache),
    manifestCache,
    snapshots,
    history: snapshots,
    check: check.run,
    endCheck: check.end,
    close() {
      check.end();
      if (!database.isOpen()) return;
      try {
        manifestCache.flushWith(() => undefined);
      } finally {
        database.close();
      }
    },
  };
}

/** Reserves a new store for the registry. Throws if the store contains data of another one. */
function claim(database: Database, registryUrl: string): void {
  const [owner] = database.statement<{ url: string }>('SELECT url FROM registry').all();
  if (owner === undefined) database.statement('INSERT INTO registry (url) VALUES (?)').run(registryUrl);
  else if (owner.url !== registryUrl)
    throw new StoreError(
      `the store belongs to another registry (${owner.url}); set [store] url to a different file, or move this one away`,
      database.file,
    );
}
