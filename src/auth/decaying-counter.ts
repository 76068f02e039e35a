import { createEvictingMap } from '../lib/evicting-map.ts';

/* How often something went wrong for a key lately: a count that halves every hour, so that nothing has to be cleaned up, no hour begins anew
 * for somebody who waits for it, and one mistake a day is none. */

export interface Failure {
  /** Of failures, as it was when the last one came. */
  readonly count: number;
  /** When that was, in milliseconds of a clock that never goes back. */
  readonly at: number;
}

export interface DecayingCounter {
  add(key: string, now: number): void;
  /** The last one; undefined where there is none that counts. */
  last(key: string): Failure | undefined;
  count(key: string, now: number): number;
  forget(key: string): void;
}

export const HALVED_AFTER_MS = 3_600_000;
const MOST_KEYS = 20_000;

export function createDecayingCounter(mostKeys: number = MOST_KEYS): DecayingCounter {
  // Of two counts the greater one now is the greater one always: so they are compared as of the beginning of the clock.
  const failures = createEvictingMap<Failure>(mostKeys, ({ count, at }) => Math.log2(count) + at / HALVED_AFTER_MS);
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
  /** How many failures may come one after the other. */
  readonly free: number;
  /** The wait after as many, which doubles with each further one. */
  readonly firstWaitMs: number;
}

/** How long somebody has to wait who has failed so often; 0 where he need not. */
export function waitMs(last: Failure | undefined, { free, firstWaitMs }: Patience, now: number): number {
  // While ten failures come one after the other, the first of them already begins to be forgotten.
  if (last === undefined || last.count < free - 0.5) return 0;
  const wait = Math.min(firstWaitMs * 2 ** (last.count - free), LONGEST_WAIT_MS);
  return Math.max(0, last.at + wait - now);
}
