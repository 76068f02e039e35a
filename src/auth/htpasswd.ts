import type { Mistake, Parsed } from './reloaded-file.ts';

/** Password hashes by user. Each hash is of a kind that the service can check, and within the limits below. */
export type Accounts = ReadonlyMap<string, string>;

/**
 * Parses lines such as `alice:$2y$12$…`, as Apache's htpasswd writes them, with bcrypt or Argon2 hashes. Blank lines, lines that begin with `#`, and
 * the rest of a line after a second colon are ignored.
 */
export function parseHtpasswd(text: string): Parsed<Accounts> {
  const accounts = new Map<string, string>();
  const lineOf = new Map<string, number>();
  const mistakes: Mistake[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === '' || content.startsWith('#')) continue;
    const [user = '', hash] = content.split(':', 2).map((field, at) => (at === 0 ? field : field.trim()));
    const message = mistakeInAccount(user, hash, lineOf.get(user));
    if (message !== undefined) mistakes.push({ line: index + 1, message });
    else if (hash !== undefined) accounts.set(user, hash);
    if (!lineOf.has(user)) lineOf.set(user, index + 1);
  }
  const [first, ...others] = mistakes;
  return first === undefined ? { value: accounts } : { mistakes: [first, ...others] };
}

/** @param firstLine the line of the user's first account; undefined if this is the first one */
function mistakeInAccount(user: string, hash: string | undefined, firstLine: number | undefined): string | undefined {
  if (hash === undefined || user === '' || /\p{Cc}/u.test(user))
    return 'must be a user name, a colon and the hash of a password';
  if (firstLine !== undefined) return `repeats the user of line ${firstLine}: remove one of the two lines`;
  return mistakeInHash(hash);
}

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** The PHC string of version 1.3 (RFC 9106, 3.1): a salt of at least 8 bytes, a hash of at least 12. */
const ARGON2 =
  /^\$argon2(?:id|i)\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}$/;

const MIN_COST = 4;
/** Takes about a second. Each further step doubles the time. */
const MAX_COST = 14;
const MAX_MEMORY_KIB = 256 * 1024;
/** Memory times passes, which determines the time: about a second. */
const MAX_WORK_KIB = 1024 * 1024;
const MAX_LANES = 16;

/** Returns why the service cannot check the hash. The message does not quote it: it may be a password in plain text. */
function mistakeInHash(hash: string): string | undefined {
  const cost = BCRYPT.exec(hash)?.[1];
  if (cost !== undefined) return mistakeInCost(Number(cost));
  const [, memory, passes, lanes] = ARGON2.exec(hash) ?? [];
  if (memory !== undefined) return mistakeInParameters(Number(memory), Number(passes), Number(lanes));
  const [, kind] = OTHER_KINDS.find(([pattern]) => pattern.test(hash)) ?? [];
  return `must not contain ${kind ?? 'a password in plain text, or an unknown hash'}: ${ADVICE}`;
}

const ADVICE = 'use a bcrypt hash, as `htpasswd -B -C 12` writes it, or an Argon2 hash';

function mistakeInCost(cost: number): string | undefined {
  if (cost >= MIN_COST && cost <= MAX_COST) return undefined;
  return `the cost of a bcrypt hash must be from ${MIN_COST} to ${MAX_COST}, not ${cost}`;
}

function mistakeInParameters(memory: number, passes: number, lanes: number): string | undefined {
  const rule = (text: string): string => `${text}, not m=${memory}, t=${passes}, p=${lanes}`;
  if (lanes < 1 || lanes > MAX_LANES) return rule(`an Argon2 hash must have p from 1 to ${MAX_LANES}`);
  if (memory < 8 * lanes || passes < 1) return rule(`an Argon2 hash must have at least m=${8 * lanes} and t=1`);
  if (memory > MAX_MEMORY_KIB) return rule(`an Argon2 hash must have at most m=${MAX_MEMORY_KIB} (256 MiB)`);
  if (memory * passes <= MAX_WORK_KIB) return undefined;
  return rule(`m times t of an Argon2 hash must be at most ${MAX_WORK_KIB}`);
}

const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$|^\$1\$/, 'an MD5 hash, which is too easy to guess'],
  [/^\{S?SHA\}/i, 'a SHA-1 hash, which is too easy to guess'],
  [/^\$[56]\$/, 'a SHA-crypt hash, which is not supported'],
  [/^\$(?:y|7)\$/, 'an scrypt or yescrypt hash, which is not supported'],
  [/^\$2[aby]\$/, 'an invalid bcrypt hash'],
  [/^\$2x?\$/, 'a hash of an old bcrypt version with a known defect'],
  [/^\$argon2id?\$/, 'an Argon2 hash that is invalid, of an old version, or with unsupported parameters'],
  [/^\$argon2d\$/, 'an argon2d hash, which is not meant for passwords'],
  [/^[./A-Za-z0-9]{13}$/, 'a crypt hash, or a password in plain text'],
];
