import { setTimeout as sleep } from 'node:timers/promises';
import type { SteadyClock } from '../ports.ts';

/** The longest delay of a timer (a signed 32-bit number of milliseconds). A longer wait is split. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves at that time of the steady clock, or as soon as the signal is aborted. Never rejects. */
export type SleepUntil = (at: number, signal: AbortSignal) => Promise<void>;

export function createSleepUntil(clock: SteadyClock): SleepUntil {
  return async (at, signal) => {
    for (let left = at - clock(); left > 0 && !signal.aborted; left = at - clock()) {
      await sleep(Math.min(left, MAX_TIMER_MS), undefined, { signal }).catch(() => undefined);
    }
  };
}
