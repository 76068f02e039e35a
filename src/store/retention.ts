/** How long snapshots are kept, from the end of the collection. */
export interface Retention {
  /** Every one. */
  readonly allMs: number;
  /** The last one of every day (UTC). */
  readonly dailyMs: number;
}

export interface KeptSnapshot {
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
}

const DAY_MS = 86_400_000;

/**
 * The snapshots that are not worth keeping any more. The last one always is.
 *
 * @param snapshots in the order that they were saved in
 */
export function outlived(snapshots: readonly KeptSnapshot[], retention: Retention, now: number): readonly number[] {
  const lastOfDay = new Map(snapshots.map(({ number, finishedAt }) => [Math.floor(finishedAt / DAY_MS), number]));
  const isKept = ({ number, finishedAt }: KeptSnapshot): boolean => {
    const ageMs = now - finishedAt;
    if (number === snapshots.at(-1)?.number || ageMs <= retention.allMs) return true;
    return ageMs <= retention.dailyMs && lastOfDay.get(Math.floor(finishedAt / DAY_MS)) === number;
  };
  return snapshots.filter((snapshot) => !isKept(snapshot)).map(({ number }) => number);
}
