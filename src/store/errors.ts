import type { StoreFailure } from '../ports.ts';

/** A store that cannot be opened, read or written, or holds what it should not. */
export class StoreError extends Error implements StoreFailure {
  override readonly name = 'StoreError';
  readonly kind = 'store';
  readonly reason: string;

  constructor(what: string, file: string, options: ErrorOptions = {}) {
    super(`${what} (${file})`, options);
    this.reason = what;
  }
}

/** What an operator can do about a file that is of no use any more: nothing is lost for good, since all of it came from the registry. */
export const START_AGAIN = 'move it away, and everything is read anew';

/** What SQLite or the file system threw, in words of ours. */
export function toStoreError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code = '', errcode, errstr, message } = error as NodeJS.ErrnoException & Partial<SqliteFailure>;
  const words = errcode === undefined ? FILE_FAILURES.get(code) : SQLITE_FAILURES.get(errcode & PRIMARY);
  const unforeseen = `the store failed: ${errstr ?? (code === '' ? message : code)}`;
  return new StoreError(words ?? unforeseen, file, { cause: error });
}

/** The fields of an error of node:sqlite. */
interface SqliteFailure {
  readonly errcode: number;
  readonly errstr: string;
}

/** The lowest byte of a result code is the primary one (sqlite.org/rescode.html, "Primary Result Codes versus Extended Result Codes"). */
const PRIMARY = 0xff;

export const NO_DATABASE = `the file is no SQLite database; ${START_AGAIN}`;
export const GONE = 'the store is not in its place any more; put it back, or start the service again';
const NO_PERMISSION = 'the store may not be written: there is no permission for the file or its directory';
const READ_ONLY = 'the store may not be written: the file system is read-only';
const DISK_FULL = 'the disk is full';

const SQLITE_FAILURES: ReadonlyMap<number, string> = new Map([
  [5, 'the store is in use by another process'],
  [8, READ_ONLY],
  [10, 'the store could not be read or written: the disk, or the file system, failed'],
  [11, `the store is damaged; ${START_AGAIN}`],
  [13, DISK_FULL],
  [14, 'the store cannot be opened: both the file and its directory have to be readable and writable'],
  [26, NO_DATABASE],
]);

const FILE_FAILURES: ReadonlyMap<string, string> = new Map([
  ['EACCES', NO_PERMISSION],
  ['EPERM', NO_PERMISSION],
  ['EROFS', READ_ONLY],
  ['ENOTDIR', 'the store cannot be made: what should be its directory is none'],
  ['EEXIST', 'the store cannot be made: what should be its directory is none'],
  ['ENOENT', 'the store cannot be made: its directory cannot be made'],
  ['ENAMETOOLONG', 'the store cannot be made: its name is too long'],
  ['ENOSPC', DISK_FULL],
  ['ERR_INVALID_STATE', 'the store is closed'],
]);
