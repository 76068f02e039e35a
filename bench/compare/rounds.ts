import { median, share } from '../median.ts';
import type { Checkout } from './checkout.ts';
import { type RatioInterval, ratioInterval } from './interval.ts';

/** The sides of a comparison; `before` is the baseline. */
export interface Sides<T> {
  readonly before: T;
  readonly after: T;
}

/** A figure of both checkouts: more is better. */
export interface Compared extends Sides<number> {
  readonly unit: string;
  /** `after` divided by `before`, per round. */
  readonly ratio: RatioInterval;
  readonly rounds: readonly Sides<number>[];
}

export type SideName = keyof Sides<Checkout>;

/**
 * Measures both sides in each round, next to each other in time, and changes which one comes first: A B, B A, A B … So a machine whose speed drifts
 * treats both alike. The measurement of a side returns one value for each figure.
 */
export async function inRounds<Name extends string>(
  rounds: number,
  unit: string,
  measure: (side: SideName) => Promise<Readonly<Record<Name, number>>>,
): Promise<Readonly<Record<Name, Compared>>> {
  const values: Sides<Readonly<Record<Name, number>>>[] = [];
  for (let round = 0; round < rounds; round++) {
    const isSwapped = round % 2 === 1;
    const first = await measure(isSwapped ? 'after' : 'before');
    const second = await measure(isSwapped ? 'before' : 'after');
    values.push(isSwapped ? { before: second, after: first } : { before: first, after: second });
  }
  const names = Object.keys(values[0]?.before ?? {}) as Name[];
  const compared = names.map((name) => {
    const ofName = values.map(({ before, after }) => ({ before: before[name], after: after[name] }));
    return [name, compare(unit, ofName)] as const;
  });
  return Object.fromEntries(compared) as Record<Name, Compared>;
}

function compare(unit: string, rounds: readonly Sides<number>[]): Compared {
  const { coverage, ...ratio } = ratioInterval(rounds.map(({ before, after }) => after / before));
  return {
    unit,
    before: median(rounds.map(({ before }) => before)),
    after: median(rounds.map(({ after }) => after)),
    ratio: { median: share(ratio.median), low: share(ratio.low), high: share(ratio.high), coverage: share(coverage) },
    rounds,
  };
}
