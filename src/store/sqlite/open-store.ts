import type { Catalogue } from '../../ports.ts';
import { StoreError } from '../errors.ts';
import { createCatalogue } from './crawl-state.ts';
import { type Database, openDatabase } from './database.ts';
import { createContent } from './manifest-cache.ts';
import { createScheduledIntegrityCheck } from './scheduled-integrity-check.ts';
import { createSnapshotTable, type SnapshotOptions, type SnapshotTable } from './snapshots.ts';

export interface StoreOptions extends SnapshotOptions {
  /** The path of the file, which is made where there is none, or `:memory:`. */
  readonly file: string;
  /** Of which registry it is: what one has told is not true of another. */
  readonly registryUrl: string;
}

/** What is kept from start to start, in an SQLite database that nobody else may have meanwhile. */
export interface Store {
  readonly catalogue: Catalogue;
  readonly snapshots: SnapshotTable;
  /** Throws a `StoreError` where the file is damaged. Reads all of it: not to be waited for at the start. */
  check(): Promise<void>;
  /** Ends a check that is under way: it throws, and so does any other from now on. */
  endCheck(): void;
  /** Writes what is still queued. What is under way fails, and leaves nothing half done to be seen. */
  close(): void;
}

/** Throws a `StoreError` where the store cannot be used. */
export function openStore({ file, registryUrl, ...options }: StoreOptions): Store {
  const database = openDatabase(file);
  try {
    claim(database, registryUrl);
  } catch (error) {
    database.close();
    throw error;
  }
  const content = createContent(database);
  const check = createScheduledIntegrityCheck(database);
  return {
    catalogue: createCatalogue(database, content),
    snapshots: createSnapshotTable(database, content, options),
    check: check.run,
    endCheck: check.end,
    close() {
      check.end();
      if (!database.isOpen()) return;
      try {
        content.flushWith(() => undefined);
      } finally {
        database.close();
      }
    },
  };
}

/** The first registry that is kept in a store has it for itself. */
function claim(database: Database, registryUrl: string): void {
  const [owner] = database.statement<{ url: string }>('SELECT url FROM registry').all();
  if (owner === undefined) database.statement('INSERT INTO registry (url) VALUES (?)').run(registryUrl);
  else if (owner.url !== registryUrl)
    throw new StoreError(
      `the store is of another registry, ${owner.url}; name another file, or move it away`,
      database.file,
    );
}
