import type { Catalogue } from '../ports.ts';
import { createCatalogue } from './catalogue.ts';
import { checkDatabase } from './check.ts';
import { createContent } from './content.ts';
import { openDatabase } from './database.ts';
import { createSnapshotTable, type SnapshotOptions, type SnapshotTable } from './snapshots.ts';

export interface StoreOptions extends SnapshotOptions {
  /** The path of the file, which is made where there is none, or `:memory:`. */
  readonly file: string;
}

/** What is kept from start to start, in an SQLite database that nobody else may have meanwhile. */
export interface Store {
  readonly catalogue: Catalogue;
  readonly snapshots: SnapshotTable;
  /** Throws a `StoreError` where the file is damaged. Reads all of it: not to be waited for at the start. */
  check(): Promise<void>;
  /** Writes what is still queued. What is under way fails, and leaves nothing half done to be seen. */
  close(): void;
}

/** Throws a `StoreError` where the store cannot be used. */
export function openStore({ file, ...options }: StoreOptions): Store {
  const database = openDatabase(file);
  const content = createContent(database);
  return {
    catalogue: createCatalogue(database, content),
    snapshots: createSnapshotTable(database, content, options),
    check: () => checkDatabase(database),
    close() {
      if (!database.isOpen()) return;
      try {
        content.flushWith(() => undefined);
      } finally {
        database.close();
      }
    },
  };
}
