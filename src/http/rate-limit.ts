import { createEvictingMap } from '../lib/evicting-map.ts';
import type { Clock } from '../ports.ts';

/* A token bucket, kept as one number: when it will be full again (the "theoretical arrival time" of ATM's GCRA).
 *
 *        now              full again           now + 1 minute
 *   ──────┼───────────────────┼─────────────────────┼──────►      a request moves "full again" to the right by a
 *         │◄──── spent ──────►│◄──── remaining ────►│             minute / limit; what would end beyond is refused
 *
 * Nothing runs while nobody asks, and a bucket that is full is the same as none. Ticks are the unit in which everything is whole: a
 * millisecond has as many as a minute has requests. */

export interface Allowance {
  readonly isAllowed: boolean;
  /** How many more are allowed right now. */
  readonly remaining: number;
  /** Until everything is allowed again. */
  readonly resetMs: number;
  /** Until one more is allowed. */
  readonly retryAfterMs: number;
}

export interface RateLimit {
  /** Counts a request of that key, unless it is one too many. */
  take(key: string): Allowance;
  /** How many more of that key would be allowed right now. */
  remaining(key: string): number;
}

export interface RateLimitOptions {
  readonly perMinute: number;
  readonly steadyClock: Clock;
  /** How many keys are known at most. */
  readonly mostKeys?: number;
}

const MINUTE_MS = 60_000;
const MOST_KEYS = 20_000;

/** So many requests a minute for every key, and as many at once. */
export function createRateLimit({ perMinute, steadyClock, mostKeys = MOST_KEYS }: RateLimitOptions): RateLimit {
  const fullAgainAt = createEvictingMap<number>(mostKeys, (ticks) => ticks);
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

  const spentAt = (now: number, key: string): number => Math.max(0, (fullAgainAt.get(key) ?? now) - now);

  return {
    take(key) {
      const now = Math.floor(steadyClock()) * perMinute;
      const spent = spentAt(now, key);
      if (spent + ticksPerRequest > minute) return allowance(false, spent);
      fullAgainAt.set(key, now + spent + ticksPerRequest);
      return allowance(true, spent + ticksPerRequest);
    },
    remaining(key) {
      const now = Math.floor(steadyClock()) * perMinute;
      return Math.floor((minute - spentAt(now, key)) / ticksPerRequest);
    },
  };
}
