import { likeness } from '../domain/user-name.ts';
import { parseRfc3339 } from '../lib/rfc3339.ts';
import type { Mistake, Parsed } from './reloaded-file.ts';

/** Until when the tokens of users were issued in vain: of each, and of everyone. Seconds since the epoch. */
export interface RevokedTokens {
  readonly ofEveryone: number | undefined;
  /** By the `likeness` of the name: a directory lets a user in by many spellings of one. */
  readonly ofUser: ReadonlyMap<string, number>;
}

export const NO_REVOKED_TOKENS: RevokedTokens = { ofEveryone: undefined, ofUser: new Map() };

/** The second up to which tokens of that user do not count any more; undefined where all do. */
export function endedAt({ ofEveryone, ofUser }: RevokedTokens, user: string): number | undefined {
  const own = ofUser.size === 0 ? undefined : ofUser.get(likeness(user));
  return own === undefined || ofEveryone === undefined ? (own ?? ofEveryone) : Math.max(own, ofEveryone);
}

const EVERYONE = '*';

/**
 * Lines such as `alice 2026-03-01T03:00:00Z`: a user, or `*` for everyone, and a moment. Of several for one the latest counts, so that a line
 * can simply be written behind the others. What begins with `#` is a comment.
 */
export function parseRevokedTokens(text: string): Parsed<RevokedTokens> {
  let ofEveryone: number | undefined;
  const ofUser = new Map<string, number>();
  const mistakes: Mistake[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, user = '', moment = ''] = /^\s*(.*\S)\s+(\S+)\s*$/.exec(line) ?? [];
    const seconds = secondsOf(moment);
    if (seconds === undefined) mistakes.push({ line: index + 1, message: WRONG_LINE });
    else if (user === EVERYONE) ofEveryone = Math.max(ofEveryone ?? 0, seconds);
    else ofUser.set(likeness(user), Math.max(ofUser.get(likeness(user)) ?? 0, seconds));
  }
  const [first, ...others] = mistakes;
  return first === undefined ? { value: { ofEveryone, ofUser } } : { mistakes: [first, ...others] };
}

const WRONG_LINE =
  'is not a user, or * for everyone, and a moment such as 2026-03-01T03:00:00Z, or in seconds since 1970 as `date +%s` prints';

function secondsOf(moment: string): number | undefined {
  // Ten digits since 2001. Fewer would be the year at the end of what `date` prints without `+%s`.
  if (/^\d{10}$/.test(moment)) return Number(moment);
  const ms = parseRfc3339(moment);
  return ms === undefined ? undefined : Math.floor(ms / 1000);
}
