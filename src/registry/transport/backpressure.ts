/** A pause for all requests if a server repeatedly asks for one. Times are from one steady clock. */
export interface Backpressure {
  /** Records a refused request, and the pause that the server asked for, if any. */
  refused(now: number, askedMs: number | undefined): void;
  /** Records a successful response. */
  answered(): void;
  /** Milliseconds until the next request may be sent. */
  remainingMs(now: number): number;
}

/** A single refusal delays only the request that met it. */
const SEVERAL = 3;
/** The longest pause. A server that asks for more is misconfigured: a crawl that pauses for an hour looks broken. */
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
