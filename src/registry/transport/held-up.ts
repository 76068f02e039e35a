import type { HeldUp } from '../../ports.ts';

/** Notes when servers hold up the requests, by answering that there are too many. Times are from one steady clock. */
export interface HeldUpTracker {
  /** Records a refused request that waits for `delayMs`. */
  refused(now: number, delayMs: number): void;
  /** Records a successful response to a request that was sent at `sentAt`. */
  answered(sentAt: number): void;
  /**
   * Returns since when no request has succeeded, and until when they wait; undefined while requests succeed.
   *
   * @param offset what to add to the times
   */
  current(offset: number): HeldUp | undefined;
  /** Returns whether several requests in a row were refused: then not only one of them is limited. */
  isOfAll(): boolean;
}

const SEVERAL = 3;

export function createHeldUpTracker(): HeldUpTracker {
  let inARow = 0;
  let since = 0;
  let lastAt = 0;
  let until = 0;
  return {
    refused(now, delayMs) {
      if (inARow++ === 0) since = now;
      lastAt = now;
      until = Math.max(until, now + delayMs);
    },
    answered(sentAt) {
      // A response to a request from before the refusal says nothing about the limit.
      if (sentAt < lastAt) return;
      inARow = 0;
      until = 0;
    },
    current: (offset) =>
      inARow === 0 ? undefined : { since: Math.round(offset + since), until: Math.round(offset + until) },
    isOfAll: () => inARow >= SEVERAL,
  };
}
