import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { StoreError } from '../errors.ts';
import { NO_DATABASE } from './sqlite-error.ts';

/**
 * Creates the file if it does not exist, and the directories above it. Only the user of the service may read them, since they contain names of
 * private repositories. Does not open an existing file: a process that closes a file loses its locks on it (sqlite.org/howtocorrupt.html, 2.2).
 */
export function ensureFile(file: string): void {
  makeDirectory(dirname(resolve(file)));
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StoreError('the store cannot be opened: it is a directory', file);
  }
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  // Without this check SQLite would open the file and fail later, at the lock. The log is a second file in the directory.
  for (const path of [file, dirname(resolve(file))]) accessSync(path, constants.R_OK | constants.W_OK);
}

/** Returns a text that identifies the file at that path: it differs for another file, and for none. */
export function identityOf(file: string): string {
  const { dev = 0n, ino = 0n } = statSync(file, { bigint: true, throwIfNoEntry: false }) ?? {};
  return `${dev}:${ino}`;
}

/** Creates directories one at a time: Node's `recursive` option loops forever below a directory that accepts no entries, such as /proc. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** Opens a database read-only, without a lock and without its log: reads the main file only (sqlite.org/uri.html, "immutable"). */
export function openUntouched(file: string): DatabaseSync {
  const url = pathToFileURL(resolve(file));
  url.searchParams.set('immutable', '1');
  return new DatabaseSync(url, { readOnly: true });
}

/** Calls `inspect` with the database opened by `openUntouched`. Skips an empty file, which is a new database. */
export function inspectUntouched(file: string, inspect: (database: DatabaseSync) => void): void {
  const { size } = statSync(file);
  if (size === 0) return;
  if (size < MIN_PAGE_BYTES) throw new StoreError(NO_DATABASE, file); // SQLite would treat it as an empty file
  const database = openUntouched(file);
  try {
    inspect(database);
  } catch (error) {
    // An intact file may look damaged without its log, if a process was killed while it moved pages from the log. The check reads it with the log.
    if (!isCorrupt(error)) throw error;
  } finally {
    database.close();
  }
}

/** Returns whether the error is SQLITE_CORRUPT, in any of its extended forms. */
function isCorrupt(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === 11;
}

/** sqlite.org/fileformat2.html, "Page Size". */
const MIN_PAGE_BYTES = 512;
