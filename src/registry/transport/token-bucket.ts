/** So many requests a second at most. Times are in milliseconds, by one clock that nobody sets. */
export interface TokenBucket {
  /** Milliseconds until the next request may go out. */
  waitMs(now: number): number;
  /** One goes out. */
  take(now: number): void;
}

/** How many may go out at once after a rest, as a share of a second's. */
const BURST_SECONDS = 0.1;

/** A token bucket: it holds a few requests at most, and one more with every so many milliseconds. 0 is no cap. */
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
