import { readFileSync, type Stats, statSync } from 'node:fs';

/** A file of the operator's, looked at again and again: what it says counts without a new start. */
export interface ReloadedFile<T> {
  /** What the file said when it was last right. */
  current(): T;
  /** Reads the file again if it has changed. One that is not right changes nothing, and is reported once. */
  look(): void;
  /** Looks every second, until `stop`. */
  start(): void;
  stop(): void;
}

export interface ReloadedFileOptions<T> {
  readonly path: string;
  /** The key of the configuration that names it, as `[section] key`. */
  readonly setting: string;
  readonly parse: (text: string) => Parsed<T>;
  /** The bits of the file's mode that nobody would want. */
  readonly exposingMode: number;
  readonly report: FileReport;
}

/** What a text says, or what is wrong with it: quoting nothing that may be a secret. */
export type Parsed<T> = { readonly value: T } | { readonly mistakes: readonly [Mistake, ...Mistake[]] };

export interface Mistake {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** What becomes of a file after the start; all but `exposed`, which may be before it. */
export interface FileReport {
  readAgain(setting: string): void;
  /** What was read before stays. Each problem is a line that names the file. */
  notRead(setting: string, problems: readonly string[]): void;
  /** Others may read what they should not, or change it. */
  exposed(setting: string, path: string): void;
}

/** A file that is not right when the service starts. The message is a line for each problem, which names the setting, the file, and its line. */
export class AccountsFileError extends Error {
  override readonly name = 'AccountsFileError';
  readonly kind = 'accounts';

  constructor(setting: string, problems: readonly string[]) {
    super(problems.map((problem) => `${setting}: ${problem}`).join('\n'));
  }
}

const LOOK_EVERY_MS = 1000;

/** Reads the file. Throws an `AccountsFileError` where it is not right. */
export function createReloadedFile<T>(options: ReloadedFileOptions<T>): ReloadedFile<T> {
  const { path, setting, exposingMode, report } = options;
  let seen = statOf(path);
  const first = read(seen, options);
  if ('problems' in first) throw new AccountsFileError(setting, first.problems);
  let { value } = first;
  let timer: NodeJS.Timeout | undefined;
  warnWhereExposed();

  function warnWhereExposed(): void {
    if ('mode' in seen && (seen.mode & exposingMode) !== 0) report.exposed(setting, path);
  }

  function look(): void {
    const now = statOf(path);
    if (isSame(seen, now)) return;
    seen = now;
    const again = read(now, options);
    if ('problems' in again) {
      report.notRead(setting, again.problems);
      return;
    }
    value = again.value;
    report.readAgain(setting);
    warnWhereExposed();
  }

  return {
    current: () => value,
    look,
    start() {
      timer ??= setInterval(look, LOOK_EVERY_MS).unref();
    },
    stop: () => clearInterval(timer),
  };
}

interface Wrong {
  readonly wrong: string;
}

function statOf(path: string): Stats | Wrong {
  try {
    const stat = statSync(path);
    // Whoever opens a pipe waits for its other end.
    return stat.isFile() ? stat : { wrong: 'is no file' };
  } catch (error) {
    return { wrong: whyNotRead(error) };
  }
}

/** `ctime` is set by the kernel alone, and tells of new permissions, too. */
function isSame(before: Stats | Wrong, now: Stats | Wrong): boolean {
  if ('wrong' in before || 'wrong' in now) return 'wrong' in before && 'wrong' in now && before.wrong === now.wrong;
  return before.ino === now.ino && before.size === now.size && before.ctimeMs === now.ctimeMs;
}

const MOST_BYTES = 1024 * 1024;
/** Where every line is wrong, it is a file of another kind, which the first ones tell. */
const MOST_MISTAKES = 20;

function read<T>(
  stat: Stats | Wrong,
  { path, parse }: ReloadedFileOptions<T>,
): { readonly value: T } | { readonly problems: readonly string[] } {
  if ('wrong' in stat) return { problems: [`${path} ${stat.wrong}`] };
  if (stat.size > MOST_BYTES) return { problems: [`${path} is larger than 1 MiB`] };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    return { problems: [`${path} ${whyNotRead(error)}`] };
  }
  const parsed = parse(text);
  if ('value' in parsed) return parsed;
  const shown = parsed.mistakes.slice(0, MOST_MISTAKES);
  return { problems: shown.map(({ line, message }) => `${path}:${line}: ${message}`) };
}

function whyNotRead(error: unknown): string {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return WHY[code] ?? `cannot be read (${code})`;
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  EACCES: 'cannot be read: permission denied',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8',
};
