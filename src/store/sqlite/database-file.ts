import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { NO_DATABASE, StoreError } from '../errors.ts';

/**
 * Makes the file where there is none, and the directories above it: for the service alone, since they hold names of private repositories.
 * What is there is not opened: a process that closes a file loses the locks that it has on it (sqlite.org/howtocorrupt.html, 2.2).
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
  // SQLite would open it all the same, and fail at the lock. The log lies in the directory.
  for (const path of [file, dirname(resolve(file))]) accessSync(path, constants.R_OK | constants.W_OK);
}

/** Which file has that path: another one, or none, is another text. */
export function identityOf(file: string): string {
  const { dev = 0n, ino = 0n } = statSync(file, { bigint: true, throwIfNoEntry: false }) ?? {};
  return `${dev}:${ino}`;
}

/** One by one from the top: Node's own way never ends where a directory is there and takes no others, as with /proc. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** Opens a database to read it without a lock, a log or any other trace: the file alone (sqlite.org/uri.html, "immutable"). */
export function openUntouched(file: string): DatabaseSync {
  const url = pathToFileURL(resolve(file));
  url.searchParams.set('immutable', '1');
  return new DatabaseSync(url, { readOnly: true });
}

/** Looks at a database as `openUntouched` has it. Not at an empty file, which is a new database. */
export function lookUntouched(file: string, look: (database: DatabaseSync) => void): void {
  const { size } = statSync(file);
  if (size === 0) return;
  if (size < LEAST_PAGE_BYTES) throw new StoreError(NO_DATABASE, file); // SQLite takes it for an empty file
  const database = openUntouched(file);
  try {
    look(database);
  } catch (error) {
    // Without its log a file may look damaged that is none: a process was killed while it moved pages from there. With it, that is found out.
    if (!isCorrupt(error)) throw error;
  } finally {
    database.close();
  }
}

/** SQLITE_CORRUPT, in any of its extended forms. */
function isCorrupt(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === 11;
}

/** sqlite.org/fileformat2.html, "Page Size". */
const LEAST_PAGE_BYTES = 512;
