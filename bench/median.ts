/** Returns the median; of an even number of values, the upper one of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Rounds a ratio to three decimal places. */
export function share(ratio: number): number {
  return Math.round(ratio * 1000) / 1000;
}

/** Returns the seconds between two readings of the steady clock, to three decimal places. */
export function secondsFrom(startedAt: number, endedAt = performance.now()): number {
  return Math.round(endedAt - startedAt) / 1000;
}
