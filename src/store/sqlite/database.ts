import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { GONE, StoreError, toStoreError } from '../errors.ts';
import { ensureFile, identityOf, lookUntouched } from './database-file.ts';
import { MIGRATIONS } from './migrations.ts';

export type Value = string | number | null | Uint8Array;

/** A statement, prepared once. Every call may throw a `StoreError`. */
export interface Statement<Row> {
  /** How many rows it changed. */
  run(...values: readonly Value[]): number;
  get(...values: readonly Value[]): Row | undefined;
  all(...values: readonly Value[]): readonly Row[];
}

/** An SQLite database that is ours alone until it is closed. Synchronous: whoever does much lets others have their turn (yielding.ts). */
export interface Database {
  readonly file: string;
  /** `Row` is what the statement selects: the tables are STRICT, so that columns hold what they are declared to. */
  statement<Row = never>(sql: string): Statement<Row>;
  /** Does all of it or nothing, and nothing where the file is not in its place any more. Inside of another one it is part of that. */
  transaction<T>(write: () => T): T;
  /**
   * Brings the file up to date, and writes beside it only, until the returned function is called: others may read it meanwhile (`openUntouched`).
   * Undefined where that cannot be.
   */
  holdStill(): (() => void) | undefined;
  isOpen(): boolean;
  close(): void;
}

export const IN_MEMORY = ':memory:';

/** The letters `grur` in the header of the file, by which we know it again (sqlite.org/fileformat2.html, "Application ID"). */
const APPLICATION_ID = 0x67727572;
/** So long the write-ahead log becomes before its pages are moved into the file. */
const PAGES_IN_LOG = 4000;
/** A process that is ending may still have the file. */
const LOCK_TIMEOUT_MS = 1000;

/** Opens the database, or makes a new one. Throws a `StoreError`, and leaves the file as it is where it is not ours to use. */
export function openDatabase(file: string): Database {
  try {
    if (file !== IN_MEMORY) {
      ensureFile(file);
      lookUntouched(file, (database) => refuseForeign(database, file));
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
 * The lock comes first: who has it, has it until the end, also where the process is killed. In this mode the index of the write-ahead log is in
 * our memory, so that no third file is needed (sqlite.org/wal.html, "Use of WAL Without Shared-Memory").
 * The mark comes before the log: it is in the file itself from the first page on, for `lookUntouched` to see.
 */
function prepare(database: DatabaseSync, file: string): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT');
  if (isEmpty(database)) database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  refuseForeign(database, file);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = ${PAGES_IN_LOG};
    PRAGMA journal_size_limit = 16777216;
  `);
  for (const [i, migration] of MIGRATIONS.entries()) {
    if (i < pragma(database, 'user_version')) continue;
    database.exec(`BEGIN; ${migration}; PRAGMA user_version = ${i + 1}; COMMIT`);
  }
}

function refuseForeign(database: DatabaseSync, file: string): void {
  if (pragma(database, 'application_id') !== APPLICATION_ID) {
    throw new StoreError('the file is the database of another program; name another file', file);
  }
  const version = pragma(database, 'user_version');
  if (version <= MIGRATIONS.length) return;
  const versions = `its schema is ${version}, and ${MIGRATIONS.length} is the last that this one knows`;
  throw new StoreError(`the store was written by a later version of this service: ${versions}`, file);
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
        // SQLite would go on in a file without a name, which is gone at the end.
        if (identityOf(file) !== identity) throw new StoreError(GONE, file);
        database.exec('BEGIN IMMEDIATE');
        try {
          const result = write();
          database.exec('COMMIT');
          return result;
        } catch (error) {
          if (database.isTransaction) database.exec('ROLLBACK'); // a full disk has rolled it back already
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
    // Only what is moved with nothing left over is in the file; on a full disk that cannot be.
    const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {};
    if (busy !== 0) return undefined;
    database.exec('PRAGMA wal_autocheckpoint = 0');
  } catch {
    return undefined;
  }
  return () => {
    if (database.isOpen) database.exec(`PRAGMA wal_autocheckpoint = ${PAGES_IN_LOG}`);
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
