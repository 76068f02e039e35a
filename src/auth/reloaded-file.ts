import { readFileSync, type Stats, statSync } from 'node:fs';

/** A file of the operator that is read again whenever it changes, so that a change needs no restart. */
export interface ReloadedFile<T> {
  /** Returns the content when the file was last valid. */
  current(): T;
  /** Reads the file again if it has changed. An invalid file changes nothing, and is reported once. */
  check(): void;
  /** Checks every second, until `stop`. */
  start(): void;
  stop(): void;
}

export interface ReloadedFileOptions<T> {
  readonly path: string;
  /** The configuration key that names the file, as `[section] key`. */
  readonly setting: string;
  readonly parse: (text: string) => Parsed<T>;
  /** The bits of the file's mode that give other users too many rights. */
  readonly exposingMode: number;
  readonly report: FileReport;
}

/** The parsed content, or its mistakes. Messages must not quote the file, which may contain secrets. */
export type Parsed<T> = { readonly value: T } | { readonly mistakes: readonly [Mistake, ...Mistake[]] };

export interface Mistake {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** Called after changes of a file; `exposed` may be called for its first content too. */
export interface FileReport {
  reloaded(setting: string): void;
  /** The previous content stays in use. Each problem is a line that names the file. */
  notReloaded(setting: string, problems: readonly string[]): void;
  /** Other users may read or change the file. */
  exposed(setting: string, path: string): void;
}

/** A file is not valid when the service starts. The message has a line for each problem, with the setting, the file and its line. */
export class AccountsFileError extends Error {
  override readonly name = 'AccountsFileError';
  readonly kind = 'accounts';

  constructor(setting: string, problems: readonly string[]) {
    super(problems.map((problem) => `${setting}: ${problem}`).join('\n'));
  }
}

const CHECK_INTERVAL_MS = 1000;

/** Reads the file. Throws an `AccountsFileError` if it is not valid. */
export function createReloadedFile<T>(options: ReloadedFileOptions<T>): ReloadedFile<T> {
  const { path, setting, exposingMode, report } = options;
  let state = stateOf(path);
  const first = read(state, options);
  if ('problems' in first) throw new AccountsFileError(setting, first.problems);
  let { value } = first;
  let timer: NodeJS.Timeout | undefined;
  warnIfExposed();

  function warnIfExposed(): void {
    if ('mode' in state && (state.mode & exposingMode) !== 0) report.exposed(setting, path);
  }

  function check(): void {
    const newState = stateOf(path);
    if (isSame(state, newState)) return;
    state = newState;
    const result = read(newState, options);
    if ('problems' in result) {
      report.notReloaded(setting, result.problems);
      return;
    }
    value = result.value;
    report.reloaded(setting);
    warnIfExposed();
  }

  return {
    current: () => value,
    check,
    start() {
      timer ??= setInterval(check, CHECK_INTERVAL_MS).unref();
    },
    stop: () => clearInterval(timer),
  };
}

interface Unreadable {
  readonly problem: string;
}

function stateOf(path: string): Stats | Unreadable {
  try {
    const stat = statSync(path);
    // To open a pipe would block until another process opens its other end.
    return stat.isFile() ? stat : { problem: 'must be a regular file' };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

/** Compares `ctime`, which only the kernel sets, and which a change of permissions sets too. */
function isSame(before: Stats | Unreadable, now: Stats | Unreadable): boolean {
  if ('problem' in before || 'problem' in now)
    return 'problem' in before && 'problem' in now && before.problem === now.problem;
  return before.ino === now.ino && before.size === now.size && before.ctimeMs === now.ctimeMs;
}

const MAX_BYTES = 1024 * 1024;
/** If every line is wrong, the file is of another kind, and the first lines show that. */
const MAX_MISTAKES = 20;

function read<T>(
  state: Stats | Unreadable,
  { path, parse }: ReloadedFileOptions<T>,
): { readonly value: T } | { readonly problems: readonly string[] } {
  if ('problem' in state) return { problems: [`${path} ${state.problem}`] };
  if (state.size > MAX_BYTES) return { problems: [`${path} must not be larger than 1 MiB`] };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    return { problems: [`${path} ${problemOf(error)}`] };
  }
  const parsed = parse(text);
  if ('value' in parsed) return parsed;
  const reported = parsed.mistakes.slice(0, MAX_MISTAKES);
  return { problems: reported.map(({ line, message }) => `${path}:${line}: ${message}`) };
}

function problemOf(error: unknown): string {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return PROBLEMS[code] ?? `cannot be read (${code})`;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'cannot be read: permission denied',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'must be UTF-8',
};
