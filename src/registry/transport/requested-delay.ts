import type { HttpResponse } from './send-once.ts';

/** Larger numbers are dates, in seconds since the epoch: as a delay, it would be 31 years. */
const MOST_DELAY_SECONDS = 1e9;
/** Larger numbers are dates in milliseconds. */
const MOST_DATE_SECONDS = 1e12;

/** Names such as `RateLimit-Reset`, `X-RateLimit-Reset`, `X-Rate-Limit-Reset-After` and `RateLimit-ResetTime`, in lower case. */
const RESET = /rate-?limit.*reset/;
/** The time in the header `RateLimit`: `limit=10, remaining=0, reset=5` (draft 7), and `"default";r=0;t=5` (draft 8 and later). */
const RESET_PARAMETER = /(?:^|[,;\s])(?:reset|t)\s*=\s*(\d+(?:\.\d+)?)/gi;

/**
 * Returns the milliseconds that a server asks a client to wait, 0 if the time has passed; undefined if it states no time that can be understood.
 * `Retry-After` (RFC 9110, 10.2.3) takes precedence; for a 429, the headers about rate limits are the next best, the earliest time in them first.
 */
export function requestedDelayMs({ status, headers }: HttpResponse, now: number): number | undefined {
  const asked = parseDelay(headers['retry-after'], now);
  if (asked !== undefined || status !== 429) return asked;
  const resets = Object.entries(headers).flatMap(([name, value]) => {
    if (RESET.test(name)) return parseDelay(value, now) ?? [];
    if (name !== 'ratelimit') return [];
    return [...String(value).matchAll(RESET_PARAMETER)].flatMap(([, number]) => parseDelay(number, now) ?? []);
  });
  return resets.length === 0 ? undefined : Math.min(...resets);
}

/** Parses seconds from now, seconds or milliseconds since the epoch, or a date as text. */
function parseDelay(value: string | readonly string[] | undefined, now: number): number | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  if (/^\d+(?:\.\d+)?$/.test(text)) {
    const number = Number(text);
    if (number > MOST_DATE_SECONDS) return Math.max(0, number - now);
    return number > MOST_DELAY_SECONDS ? Math.max(0, number * 1000 - now) : number * 1000;
  }
  // Only texts with letters are dates: `Date.parse` would read -1 as a year.
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
