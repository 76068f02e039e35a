import { StoreError } from '../errors.ts';

/** What an operator can do about a store that is no longer usable. Only the history is lost: all other data comes from the registry. */
const START_AGAIN = 'move the file away and restart the service, which then reads everything again';

export const DAMAGED = `the store is damaged; ${START_AGAIN}`;
export const INCOMPLETE = `the store lacks tables or columns that the service has created; ${START_AGAIN}`;
export const NO_DATABASE =
  'the file is not an SQLite database; set [store] url to a different file, or move this one away';
export const GONE = 'the store file is no longer in its place; put it back, or restart the service';
const NO_PERMISSION = 'the store cannot be written: no permission for the file or its directory';
const READ_ONLY = 'the store cannot be written: the file system is read-only';
const DISK_FULL = 'the disk is full';
const NO_DIRECTORY = 'the store cannot be created: a part of its path is not a directory';

/** Turns an error of SQLite or the file system into a `StoreError` with a plain text, and keeps the error as its cause. */
export function toStoreError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code = '', errcode, errstr, message } = error as NodeJS.ErrnoException & Partial<SqliteFailure>;
  const known = errcode === undefined ? FILE_FAILURES.get(code) : SQLITE_FAILURES.get(errcode & PRIMARY);
  const unknown = `the store failed: ${errstr ?? (code === '' ? message : code)}`;
  return new StoreError(known ?? unknown, file, { cause: error });
}

/** The fields of an error of node:sqlite. */
interface SqliteFailure {
  readonly errcode: number;
  readonly errstr: string;
}

/** The lowest byte of a result code is the primary one (sqlite.org/rescode.html, "Primary Result Codes versus Extended Result Codes"). */
const PRIMARY = 0xff;

const SQLITE_FAILURES: ReadonlyMap<number, string> = new Map([
  // The statements are fixed, so an error in one means that a table or a column is missing.
  [1, INCOMPLETE],
  [5, 'another process uses the store'],
  [8, READ_ONLY],
  [10, 'the store could not be read or written: the disk or the file system failed'],
  [11, DAMAGED],
  [13, DISK_FULL],
  [14, 'the store cannot be opened: the file and its directory must be readable and writable'],
  [26, NO_DATABASE],
]);

const FILE_FAILURES: ReadonlyMap<string, string> = new Map([
  ['EACCES', NO_PERMISSION],
  ['EPERM', NO_PERMISSION],
  ['EROFS', READ_ONLY],
  ['ENOTDIR', NO_DIRECTORY],
  ['EEXIST', NO_DIRECTORY],
  ['ENOENT', 'the store cannot be created: its directory cannot be created'],
  ['ENAMETOOLONG', 'the store cannot be created: its path is too long'],
  ['ENOSPC', DISK_FULL],
  ['ERR_INVALID_STATE', 'the store is closed'],
]);
