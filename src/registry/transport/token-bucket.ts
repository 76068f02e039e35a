/** Limits the requests per second. Times are in milliseconds, from one steady clock. */
export interface TokenBucket {
  /** Milliseconds until the next request may be sent. */
  waitMs(now: number): number;
  /** Records that a request is sent. */
  take(now: number): void;
}

/** The burst after a pause, as a share of the requests per second. */
const BURST_SECONDS = 0.1;

/** Creates a token bucket: it holds a few requests at most, and refills at a constant rate. 0 means no limit. */
export function createTokenBucket(requestsPerSecond: number): TokenBucket {
  if (requestsPerSecond === 0) return { waitMs: () => 0, take: () => undefined };
  const perMs = requestsPerSecond / 1000;
  const burst = Math.max(1, requestsPerSecond * BURST_SECONDS);
  let left = burst;
  let countedAt: number | undefined;
  const leftAt = (now: number): number => Math.min(burst, left + (now - (countedAt ?? now)) * perMs);
  return {
    waitMs: (now) => Math.max(0, (1 - leftAt(now)) / perMs),
    take(now) {
      left = leftAt(now) - 1;
      countedAt = now;
    },
  };
}
