/** A rest for everyone, where a server says again and again that it wants one. Times are by one clock that nobody sets. */
export interface Backpressure {
  /** A request was refused for now, and asked to wait that long, if the server said so. */
  refused(now: number, askedMs: number | undefined): void;
  /** Another one was answered. */
  answered(): void;
  /** Milliseconds until anyone may ask again. */
  remainingMs(now: number): number;
}

/** One refusal in passing is for the request that met it. */
const SEVERAL = 3;
/** What a server asks for beyond that is its mistake: a crawl that rests for an hour looks broken. */
const LONGEST_MS = 60_000;

export function createBackpressure(): Backpressure {
  let inARow = 0;
  let longestUntil = Number.NEGATIVE_INFINITY;
  let until = Number.NEGATIVE_INFINITY;
  return {
    refused(now, askedMs = 0) {
      inARow++;
      longestUntil = Math.max(longestUntil, now + Math.min(askedMs, LONGEST_MS));
      if (inARow >= SEVERAL) until = Math.max(until, longestUntil);
    },
    answered() {
      inARow = 0;
      longestUntil = Number.NEGATIVE_INFINITY;
    },
    remainingMs: (now) => Math.max(0, until - now),
  };
}
