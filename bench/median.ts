/** The middle one of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** A ratio, to three places. */
export function share(ratio: number): number {
  return Math.round(ratio * 1000) / 1000;
}

/** Seconds between two readings of the steady clock, to three places. */
export function secondsFrom(startedAt: number, endedAt = performance.now()): number {
  return Math.round(endedAt - startedAt) / 1000;
}
