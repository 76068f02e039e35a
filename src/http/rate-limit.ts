import { createEvictingMap } from '../lib/evicting-map.ts';
import type { Clock } from '../ports.ts';

/* A token bucket, stored as one number: the time when it will be full again (the "theoretical arrival time" of ATM's GCRA).
 *
 *        now              full again           now + 1 minute
 *   ──────┼───────────────────┼─────────────────────┼──────►      a request moves "full again" to the right by a
 *         │◄──── spent ──────►│◄──── remaining ────►│             minute / limit; if that is beyond the minute, it is refused
 *
 * There is no timer, and a full bucket takes no memory. All numbers are whole because they are in ticks: a millisecond has as many ticks as a
 * minute has requests. */

export interface Allowance {
  readonly isAllowed: boolean;
  /** How many further requests are allowed now. */
  readonly remaining: number;
  /** Until all requests are allowed again. */
  readonly resetMs: number;
  /** Until one further request is allowed. */
  readonly retryAfterMs: number;
}

export interface RateLimit {
  /** Counts a request of that key, unless it is one too many. */
  take(key: string): Allowance;
}

export interface RateLimitOptions {
  readonly perMinute: number;
  readonly steadyClock: Clock;
  /** How many keys are remembered. */
  readonly maxKeys?: number;
}

const MINUTE_MS = 60_000;
const MAX_KEYS = 20_000;

/** Allows that many requests a minute for each key, and as many at once. */
export function createRateLimit({ perMinute, steadyClock, maxKeys = MAX_KEYS }: RateLimitOptions): RateLimit {
  const fullAgainAt = createEvictingMap<number>(maxKeys, (ticks) => ticks);
  const ticksPerRequest = MINUTE_MS;
  const minute = MINUTE_MS * perMinute;

  function allowance(isAllowed: boolean, spent: number): Allowance {
    const missing = isAllowed ? 0 : spent + ticksPerRequest - minute;
    return {
      isAllowed,
      remaining: Math.floor((minute - spent) / ticksPerRequest),
      resetMs: spent / perMinute,
      retryAfterMs: missing / perMinute,
    };
  }

  return {
    take(key) {
      const now = Math.floor(steadyClock()) * perMinute;
      const spent = Math.max(0, (fullAgainAt.get(key) ?? now) - now);
      if (spent + ticksPerRequest > minute) return allowance(false, spent);
      fullAgainAt.set(key, now + spent + ticksPerRequest);
      return allowance(true, spent + ticksPerRequest);
    },
  };
}
