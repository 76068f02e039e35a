export interface AimdLimitOptions {
  /** The lowest limit of concurrent requests. */
  readonly least: number;
  /** The highest limit of concurrent requests. */
  readonly most: number;
}

/** An adaptive limit of concurrent requests: no server states how many it can handle. */
export interface AimdLimit {
  limit(): number;
  /** Records a successful response with the number of requests in flight, its own included. */
  fine(inUse: number): void;
  /** Records trouble for a request that started at `startedAt`, with the number of requests in flight. Times are from one steady clock. */
  trouble(startedAt: number, now: number, inUse: number): void;
}

/* Additive increase, multiplicative decrease (as TCP does: RFC 5681, section 3.1):
 *
 *   most ┤              trouble      trouble                     trouble
 *        │                 ▼            ▼                           ▼
 *        │              .·             .·········   close to the last trouble, slowly: once in ten rounds
 *        │           .·   ·         .·           .·
 *  START ┤        .·       .     .·   ·       .·
 *  least ┤                    .·         ·  .·      otherwise, once per round of responses
 *
 * A round has as many responses as the limit. */
const START = 8;
const DECREASE = 0.5;
const CAREFUL_ROUNDS = 10;

export function createAimdLimit({ least, most }: AimdLimitOptions): AimdLimit {
  let limit = Math.min(most, Math.max(least, START));
  let loweredAt = Number.NEGATIVE_INFINITY;
  /** The limit at the last trouble. It is forgotten once a higher limit works. */
  let ceiling = Number.POSITIVE_INFINITY;

  return {
    limit: () => Math.floor(limit),
    fine(inUse) {
      // If the limit is not reached, there is no sign that it is too low.
      if (limit >= most || inUse < Math.floor(limit)) return;
      if (limit >= ceiling + 1) ceiling = Number.POSITIVE_INFINITY;
      const rounds = limit >= ceiling - 1 ? CAREFUL_ROUNDS : 1;
      limit = Math.min(most, limit + 1 / (Math.floor(limit) * rounds));
    },
    trouble(startedAt, now, inUse) {
      // Requests from before the limit was lowered say nothing about the new limit: a burst of refusals counts once.
      if (startedAt < loweredAt) return;
      loweredAt = now;
      // Fewer requests than the limit may be in flight, and still be too many.
      ceiling = Math.min(Math.floor(limit), inUse);
      limit = Math.max(least, Math.floor(ceiling * DECREASE));
    },
  };
}
