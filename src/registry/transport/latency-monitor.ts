/** Tells when answers take clearly longer than they did when fewer were asked for at once. */
export interface LatencyMonitor {
  /** Takes note of an answer; true where the limit should be lowered. Times are by one clock that nobody sets. */
  isOutOfLine(startedAt: number, now: number, limit: number): boolean;
}

/* Every server takes longer when it has more to do at once, and one that shares a machine with us answers one request after the other:
 * so three times as long is in order, and whatever is short is in order too. Of each round the middle one counts: some long listings
 * among small questions are slow by themselves, but under a load too high most are. */
const TOLERANCE = 3;
const ALWAYS_IN_ORDER_MS = 250;
const SHORTEST_ROUND = 8;
/** Where fewer at once are still about as slow, it was not their number: other things are asked for, or the way has become longer. */
const NO_HELP = 0.75;

export function createLatencyMonitor(): LatencyMonitor {
  let usualMs = Number.POSITIVE_INFINITY;
  let roundMs: number[] = [];
  /** Answers to what began before do not belong to this round. */
  let since = Number.NEGATIVE_INFINITY;
  /** What was out of line in the last round, if anything was. */
  let alarmMs: number | undefined;

  return {
    isOutOfLine(startedAt, now, limit) {
      if (startedAt < since) return false;
      roundMs.push(now - startedAt);
      if (roundMs.length < Math.max(limit, SHORTEST_ROUND)) return false;
      const foundMs = median(roundMs);
      roundMs = [];
      const wasInVain = alarmMs !== undefined && foundMs > alarmMs * NO_HELP;
      alarmMs = undefined;
      if (wasInVain) usualMs = foundMs;
      usualMs = Math.min(usualMs, foundMs);
      if (foundMs <= Math.max(ALWAYS_IN_ORDER_MS, usualMs * TOLERANCE)) return false;
      since = now;
      alarmMs = foundMs;
      return true;
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
