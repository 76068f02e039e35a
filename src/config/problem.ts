/** A mistake in the configuration. */
export interface Problem {
  /** The file or the environment variable. */
  readonly place: string;
  /** The line of the file, from 1. Problems without a line are listed last. */
  readonly line?: number | undefined;
  /** `[section] key` or `[section]`; undefined for the file as a whole. */
  readonly subject?: string | undefined;
  /** The mistake and the remedy, separated by a semicolon. Contains no secret. */
  readonly message: string;
}

/** More would hide the first one. */
const MOST_LINES = 50;

/**
 * Returns one line per problem, such as `my.conf:3: [general] socket_port: "abc" is not a whole number; expected …`, in order of the file. Of many
 * problems, it returns the first ones and how many others there are.
 */
export function problemLines(problems: readonly Problem[]): readonly string[] {
  const ordered = [...problems].sort((a, b) => (a.line ?? Number.MAX_VALUE) - (b.line ?? Number.MAX_VALUE));
  const lines = ordered
    .slice(0, MOST_LINES)
    .map(({ place, line, subject, message }) =>
      [line === undefined ? place : `${place}:${line}`, ...(subject === undefined ? [] : [subject]), message].join(
        ': ',
      ),
    );
  const others = ordered.length - lines.length;
  return others === 0 ? lines : [...lines, `and ${others} more mistakes`];
}

/** Returns a value in quotes, or `the value` if it is secret, long, or could contain a password as URLs can. */
export function quoted(text: string, isSecret: boolean): string {
  const isPlain = text !== '' && text.length <= 100 && !/[@?#\p{Cc}]/u.test(text);
  return isPlain && !isSecret ? `"${text}"` : 'the value';
}

/** Returns the candidate that was probably meant: at most two edits away, fewer for short words. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.min(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance =
      word.length > 60 ? Number.POSITIVE_INFINITY : editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

/** Returns the Levenshtein distance: the number of letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
