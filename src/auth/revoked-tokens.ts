import { normalizeUserName } from '../domain/user-name.ts';
import { parseRfc3339 } from '../lib/rfc3339.ts';
import type { Mistake, Parsed } from './reloaded-file.ts';

/** Up to which second tokens are revoked, in seconds since the epoch. */
export interface RevokedTokens {
  /** For all users. */
  readonly ofEveryone: number | undefined;
  /** By the `normalizeUserName` of the name: a directory accepts many spellings of one name. */
  readonly ofUser: ReadonlyMap<string, number>;
}

/** Returns the second up to which the user's tokens are revoked; undefined if none is. */
export function revokedUntil({ ofEveryone, ofUser }: RevokedTokens, user: string): number | undefined {
  const own = ofUser.size === 0 ? undefined : ofUser.get(normalizeUserName(user));
  return own === undefined || ofEveryone === undefined ? (own ?? ofEveryone) : Math.max(own, ofEveryone);
}

const EVERYONE = '*';

/**
 * Parses lines such as `alice 2026-03-01T03:00:00Z`: a user, or `*` for all users, and a time. If a user has several lines, the latest time applies,
 * so that an operator can append a line. Lines that begin with `#` are comments.
 */
export function parseRevokedTokens(text: string): Parsed<RevokedTokens> {
  let ofEveryone: number | undefined;
  const ofUser = new Map<string, number>();
  const mistakes: Mistake[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, user = '', time = ''] = /^\s*(.*\S)\s+(\S+)\s*$/.exec(line) ?? [];
    const seconds = secondsOf(time);
    if (seconds === undefined) mistakes.push({ line: index + 1, message: WRONG_LINE });
    else if (user === EVERYONE) ofEveryone = Math.max(ofEveryone ?? 0, seconds);
    else ofUser.set(normalizeUserName(user), Math.max(ofUser.get(normalizeUserName(user)) ?? 0, seconds));
  }
  const [first, ...others] = mistakes;
  return first === undefined ? { value: { ofEveryone, ofUser } } : { mistakes: [first, ...others] };
}

const WRONG_LINE =
  'must be a user (or * for all users) and a time, such as 2026-03-01T03:00:00Z, or the seconds that `date +%s` prints';

function secondsOf(time: string): number | undefined {
  // All times since 2001 have ten digits. Fewer digits are the year at the end of what `date` prints without `+%s`.
  if (/^\d{10}$/.test(time)) return Number(time);
  const ms = parseRfc3339(time);
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}
