import { setTimeout as sleep } from 'node:timers/promises';
import type { SteadyClock } from '../ports.ts';

/** The longest wait that a timer can hold (a 32-bit count of milliseconds); a longer one is waited for in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Resolves at that time of the steady clock, or as soon as the signal says so, which is no error. */
export type SleepUntil = (until: number, signal: AbortSignal) => Promise<void>;

/** Waits by that clock. */
export function createSleepUntil(clock: SteadyClock): SleepUntil {
  return async (until, signal) => {
    for (let left = until - clock(); left > 0 && !signal.aborted; left = until - clock()) {
      await sleep(Math.min(left, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined);
    }
  };
}
