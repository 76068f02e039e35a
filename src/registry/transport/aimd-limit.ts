export interface AimdLimitOptions {
  /** Requests at once, however bad it goes. */
  readonly least: number;
  /** Requests at once, however well it goes. */
  readonly most: number;
}

/** How many requests may be in flight: found out, since no server says so. */
export interface AimdLimit {
  limit(): number;
  /** An answer came while so many requests were in flight, its own among them, and nothing spoke against one more. */
  fine(inUse: number): void;
  /** A request that began at `startedAt` met trouble while so many were in flight. Times are by one clock that nobody sets. */
  trouble(startedAt: number, now: number, inUse: number): void;
}

/* Additive increase, multiplicative decrease (RFC 5681, section 3.1, says it of TCP):
 *
 *   most ┤              trouble      trouble                     trouble
 *        │                 ▼            ▼                           ▼
 *        │              .·             .·········   near the last trouble slowly: one in ten rounds
 *        │           .·   ·         .·           .·
 *  START ┤        .·       .     .·   ·       .·
 *  least ┤                    .·         ·  .·      elsewhere one for every round of answers
 *
 * A round is as many answers as there are requests at once. */
const START = 8;
const DECREASE = 0.5;
const CAREFUL_ROUNDS = 10;

export function createAimdLimit({ least, most }: AimdLimitOptions): AimdLimit {
  let limit = Math.min(most, Math.max(least, START));
  let loweredAt = Number.NEGATIVE_INFINITY;
  /** Where the last trouble was. One above it all went well again, and it is forgotten. */
  let ceiling = Number.POSITIVE_INFINITY;

  return {
    limit: () => Math.floor(limit),
    fine(inUse) {
      // A limit that is not reached is not known to be too low.
      if (limit >= most || inUse < Math.floor(limit)) return;
      if (limit >= ceiling + 1) ceiling = Number.POSITIVE_INFINITY;
      const rounds = limit >= ceiling - 1 ? CAREFUL_ROUNDS : 1;
      limit = Math.min(most, limit + 1 / (Math.floor(limit) * rounds));
    },
    trouble(startedAt, now, inUse) {
      // What began before the limit was lowered says nothing of the new one: a burst of refusals counts once.
      if (startedAt < loweredAt) return;
      loweredAt = now;
      // Fewer than the limit may be in flight, and were too many all the same.
      ceiling = Math.min(Math.floor(limit), inUse);
      limit = Math.max(least, Math.floor(ceiling * DECREASE));
    },
  };
}
