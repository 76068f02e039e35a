import { createEvictingMap } from '../lib/evicting-map.ts';

/* Counts recent failures by key. A count halves every hour, so nothing must be cleaned up, no attacker can wait for a new hour to begin, and one
 * mistake a day is forgotten. */

export interface Failure {
  /** The count just after the last failure. */
  readonly count: number;
  /** When the last failure happened: milliseconds of a clock that never goes back. */
  readonly at: number;
}

export interface DecayingCounter {
  add(key: string, now: number): void;
  /** Returns the last failure; undefined if none is known. */
  last(key: string): Failure | undefined;
  count(key: string, now: number): number;
  forget(key: string): void;
}

export const HALVED_AFTER_MS = 3_600_000;
const MAX_KEYS = 20_000;

export function createDecayingCounter(maxKeys: number = MAX_KEYS): DecayingCounter {
  // The larger of two counts stays the larger one, so counts are compared as they would be at time 0 of the clock.
  const failures = createEvictingMap<Failure>(maxKeys, ({ count, at }) => Math.log2(count) + at / HALVED_AFTER_MS);
  const count = (key: string, now: number): number => {
    const last = failures.get(key);
    return last === undefined ? 0 : last.count * 2 ** ((last.at - now) / HALVED_AFTER_MS);
  };
  return {
    add: (key, now) => failures.set(key, { count: count(key, now) + 1, at: now }),
    last: (key) => failures.get(key),
    count,
    forget: (key) => failures.delete(key),
  };
}

const LONGEST_WAIT_MS = 15 * 60_000;

export interface Patience {
  /** How many failures cause no wait. */
  readonly free: number;
  /** The wait after that many failures. Each further failure doubles it. */
  readonly firstWaitMs: number;
}

/** Returns how long to wait before the next attempt; 0 if it may be made now. */
export function waitMs(last: Failure | undefined, { free, firstWaitMs }: Patience, now: number): number {
  // The half makes up for the decay while the failures happened: ten failures in a row count a little less than ten.
  if (last === undefined || last.count < free - 0.5) return 0;
  const wait = Math.min(firstWaitMs * 2 ** (last.count - free), LONGEST_WAIT_MS);
  return Math.max(0, last.at + wait - now);
}
