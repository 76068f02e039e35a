import type { Mistake, Parsed } from './reloaded-file.ts';

/** Hashes of passwords by user, each of a kind that can be checked, and within its bounds. */
export type Accounts = ReadonlyMap<string, string>;

/**
 * Lines such as `alice:$2y$12$…`, as Apache's htpasswd writes them, with hashes of bcrypt or Argon2. Blank lines and those that begin with `#`
 * are passed over, and so is what stands behind a second colon.
 */
export function parseHtpasswd(text: string): Parsed<Accounts> {
  const accounts = new Map<string, string>();
  const lineOf = new Map<string, number>();
  const mistakes: Mistake[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === '' || content.startsWith('#')) continue;
    const [user = '', hash] = content.split(':', 2).map((field, at) => (at === 0 ? field : field.trim()));
    const message = wrongAccount(user, hash, lineOf.get(user));
    if (message !== undefined) mistakes.push({ line: index + 1, message });
    else if (hash !== undefined) accounts.set(user, hash);
    if (!lineOf.has(user)) lineOf.set(user, index + 1);
  }
  const [first, ...others] = mistakes;
  return first === undefined ? { value: accounts } : { mistakes: [first, ...others] };
}

/** @param before the line in which the user stands first */
function wrongAccount(user: string, hash: string | undefined, before: number | undefined): string | undefined {
  if (hash === undefined || user === '' || /\p{Cc}/u.test(user))
    return 'is not a name, a colon and the hash of a password';
  if (before !== undefined) return `is a second account of the user in line ${before}; keep one of them`;
  return wrongHash(hash);
}

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** The PHC string of version 1.3 (RFC 9106, 3.1): a salt of at least 8 bytes, a hash of at least 12. */
const ARGON2 =
  /^\$argon2(?:id|i)\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}$/;

const LEAST_COST = 4;
/** About a second. Every further one takes twice as long. */
const MOST_COST = 14;
const MOST_MEMORY_KIB = 256 * 1024;
/** Memory times passes is what takes time: about a second, too. */
const MOST_WORK_KIB = 1024 * 1024;
const MOST_LANES = 16;

/** Why a password cannot be held against that, which the text does not quote: where plain text stands, it would be a password. */
function wrongHash(hash: string): string | undefined {
  const cost = BCRYPT.exec(hash)?.[1];
  if (cost !== undefined) return wrongCost(Number(cost));
  const [, memory, passes, lanes] = ARGON2.exec(hash) ?? [];
  if (memory !== undefined) return wrongParameters(Number(memory), Number(passes), Number(lanes));
  const [, kind] = OTHER_KINDS.find(([pattern]) => pattern.test(hash)) ?? [];
  return `holds ${kind ?? 'a password in plain text, or no hash that we know'}; ${INSTEAD}`;
}

const INSTEAD = 'expected bcrypt, as `htpasswd -B -C 12` writes it, or Argon2';

function wrongCost(cost: number): string | undefined {
  if (cost < LEAST_COST) return `holds a bcrypt hash of cost ${cost}, which there is not; ${INSTEAD}`;
  return cost > MOST_COST ? `holds a bcrypt hash of cost ${cost}; expected at most ${MOST_COST}` : undefined;
}

function wrongParameters(memory: number, passes: number, lanes: number): string | undefined {
  const what = `holds an Argon2 hash of m=${memory}, t=${passes}, p=${lanes}`;
  if (lanes < 1 || lanes > MOST_LANES) return `${what}; expected p from 1 to ${MOST_LANES}`;
  if (memory < 8 * lanes || passes < 1) return `${what}; expected at least m=${8 * lanes} and t=1`;
  if (memory > MOST_MEMORY_KIB) return `${what}; expected at most m=${MOST_MEMORY_KIB}, which is 256 MiB`;
  return memory * passes > MOST_WORK_KIB ? `${what}; expected m times t to be at most ${MOST_WORK_KIB}` : undefined;
}

const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$|^\$1\$/, 'an MD5 hash, which is guessed too quickly'],
  [/^\{S?SHA\}/i, 'a SHA-1 hash, which is guessed too quickly'],
  [/^\$[56]\$/, 'a hash of SHA-crypt, which is not supported'],
  [/^\$(?:y|7)\$/, 'a hash of scrypt or yescrypt, which is not supported'],
  [/^\$2[aby]\$/, 'a broken bcrypt hash'],
  [/^\$2x?\$/, 'a hash of a bcrypt that was broken itself'],
  [/^\$argon2id?\$/, 'a broken Argon2 hash, or one of an old version or with parameters that are not supported'],
  [/^\$argon2d\$/, 'a hash of argon2d, which is not for passwords'],
  [/^[./A-Za-z0-9]{13}$/, 'a hash of crypt, or a password in plain text'],
];
