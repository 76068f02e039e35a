/** Detects when responses take clearly longer than with fewer concurrent requests. */
export interface LatencyMonitor {
  /** Records a response; returns true if the limit should be lowered. Times are from one steady clock. */
  isOutOfLine(startedAt: number, now: number, limit: number): boolean;
}

/* Every server is slower with more concurrent requests, and one on the same machine handles one request at a time. So three times the latency is
 * normal, and so is any short latency. The median of each round counts: a few long lists among short requests are slow by themselves, but under too
 * much load most requests are. */
const TOLERANCE = 3;
const ALWAYS_IN_ORDER_MS = 250;
const SHORTEST_ROUND = 8;
/** If fewer concurrent requests are still about as slow, their number was not the cause: the requests or the network have changed. */
const NO_HELP = 0.75;

export function createLatencyMonitor(): LatencyMonitor {
  let usualMs = Number.POSITIVE_INFINITY;
  let roundMs: number[] = [];
  /** Responses to requests from before this time belong to an earlier round. */
  let since = Number.NEGATIVE_INFINITY;
  /** The latency that was too long in the last round, if it was. */
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
