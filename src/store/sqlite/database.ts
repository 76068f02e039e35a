import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { StoreError } from '../errors.ts';
import { ensureFile, identityOf, inspectUntouched } from './database-file.ts';
import { MIGRATIONS } from './migrations.ts';
import { GONE, INCOMPLETE, toStoreError } from './sqlite-error.ts';

export type Value = string | number | null | Uint8Array;

/** A statement that is prepared once, at its first use. Every call may throw a `StoreError`. */
export interface Statement<Row> {
  /** Returns the number of rows that it changed. */
  run(...values: readonly Value[]): number;
  get(...values: readonly Value[]): Row | undefined;
  all(...values: readonly Value[]): readonly Row[];
}

/**
 * An SQLite database that no other process can open until it is closed. Calls block the event loop: long work must yield between them (yielding.ts).
 */
export interface Database {
  readonly file: string;
  /** @typeParam Row what the statement selects; the tables are STRICT, so that columns contain what they declare */
  statement<Row = never>(sql: string): Statement<Row>;
  /** Runs `write` in a transaction, or as part of the current one. Throws, and writes nothing, if the file is no longer in its place. */
  transaction<T>(write: () => T): T;
  /**
   * Moves all data from the log to the file, and from then on writes only to the log, so that another process can read the file (`openUntouched`).
   * Returns a function that ends this; undefined if it is not possible.
   */
  holdStill(): (() => void) | undefined;
  isOpen(): boolean;
  close(): void;
}

const IN_MEMORY = ':memory:';

/** The letters `grur` in the header of the file mark it as ours (sqlite.org/fileformat2.html, "Application ID"). */
const APPLICATION_ID = 0x67727572;
/** The length of the write-ahead log at which its pages are moved to the file. */
const MAX_LOG_PAGES = 4000;
/** How long to wait for the lock: a process that is about to exit may still hold it. */
const LOCK_TIMEOUT_MS = 1000;

/** Opens the database, or creates a new one. Throws a `StoreError` if the file cannot be used, and does not change a file of another program. */
export function openDatabase(file: string): Database {
  try {
    if (file !== IN_MEMORY) {
      ensureFile(file);
      inspectUntouched(file, (database) => rejectForeign(database, file));
    }
    const database = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS, enableForeignKeyConstraints: true });
    try {
      prepare(database, file);
    } catch (error) {
      database.close();
      throw error;
    }
    return wrap(database, file);
  } catch (error) {
    throw toStoreError(error, file);
  }
}

/**
 * Takes the lock first, and holds it until the process ends, even if it is killed. With this lock the index of the write-ahead log is in memory, so
 * that there is no third file (sqlite.org/wal.html, "Use of WAL Without Shared-Memory"). Sets the application ID before it turns on the log, so that
 * the ID is in the main file, where `inspectUntouched` looks for it.
 */
function prepare(database: DatabaseSync, file: string): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT');
  if (isEmpty(database)) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  rejectForeign(database, file);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = ${MAX_LOG_PAGES};
    PRAGMA journal_size_limit = 16777216;
  `);
  for (const [i, migration] of MIGRATIONS.entries()) {
    if (i < pragma(database, 'user_version')) continue;
    database.exec(`BEGIN; ${migration}; PRAGMA user_version = ${i + 1}; COMMIT`);
  }
  rejectIncomplete(database, file);
}

/** Another program may have dropped a table, or the file is a copy that was cut. Without this check, statements would fail one day in a crawl. */
function rejectIncomplete(database: DatabaseSync, file: string): void {
  const complete = new DatabaseSync(':memory:');
  try {
    complete.exec(MIGRATIONS.join(';'));
    const columns = columnsOf(database);
    const missing = [...columnsOf(complete)].filter((column) => !columns.has(column));
    if (missing.length > 0) throw new StoreError(INCOMPLETE, file);
  } finally {
    complete.close();
  }
}

/** Returns the columns of all tables, such as `snapshot.id`. */
function columnsOf(database: DatabaseSync): ReadonlySet<string> {
  const rows = database
    .prepare(
      `SELECT t.name || '.' || c.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'`,
    )
    .all();
  return new Set(rows.map(({ name }) => String(name)));
}

function rejectForeign(database: DatabaseSync, file: string): void {
  if (pragma(database, 'application_id') !== APPLICATION_ID) {
    throw new StoreError('the file is the database of another program; set [store] url to a different file', file);
  }
  const version = pragma(database, 'user_version');
  if (version <= MIGRATIONS.length) return;
  const versions = `its schema version is ${version}, and this version of the service knows up to ${MIGRATIONS.length}`;
  throw new StoreError(`a later version of the service wrote the store: ${versions}`, file);
}

function isEmpty(database: DatabaseSync): boolean {
  const marks = ['application_id', 'user_version', 'schema_version'];
  return marks.every((mark) => pragma(database, mark) === 0);
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function wrap(database: DatabaseSync, file: string): Database {
  const translated = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw toStoreError(error, file);
    }
  };
  const identity = identityOf(file);
  return {
    file,
    statement: <Row>(sql: string) => wrapStatement<Row>(() => database.prepare(sql), translated),
    transaction: (write) => {
      if (database.isTransaction) return write();
      return translated(() => {
        // SQLite would go on writing to the deleted file, whose content is lost when it is closed.
        if (identityOf(file) !== identity) throw new StoreError(GONE, file);
        database.exec('BEGIN IMMEDIATE');
        try {
          const result = write();
          database.exec('COMMIT');
          return result;
        } catch (error) {
          if (database.isTransaction) database.exec('ROLLBACK'); // not after a full disk: SQLite has rolled back already
          throw error;
        }
      });
    },
    holdStill: () => (file === IN_MEMORY ? undefined : holdStill(database)),
    isOpen: () => database.isOpen,
    close: () => translated(() => database.close()),
  };
}

function holdStill(database: DatabaseSync): (() => void) | undefined {
  try {
    // On a full disk not all pages can be moved, and the file alone would be incomplete.
    const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {};
    if (busy !== 0) return undefined;
    database.exec('PRAGMA wal_autocheckpoint = 0');
  } catch {
    return undefined;
  }
  return () => {
    if (database.isOpen) database.exec(`PRAGMA wal_autocheckpoint = ${MAX_LOG_PAGES}`);
  };
}

function wrapStatement<Row>(prepare: () => StatementSync, translated: <T>(act: () => T) => T): Statement<Row> {
  let prepared: StatementSync | undefined;
  const statement = (): StatementSync => {
    prepared ??= prepare();
    return prepared;
  };
  return {
    run: (...values) => translated(() => Number(statement().run(...values).changes)),
    get: (...values) => translated(() => statement().get(...values) as Row | undefined),
    all: (...values) => translated(() => statement().all(...values) as readonly unknown[] as readonly Row[]),
  };
}
