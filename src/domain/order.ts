import { assertNever } from '../lib/assert-never.ts';
import { type Resumable, ranges, runToEnd } from '../lib/resumable.ts';

/** What the items of a list are sorted by. An item is known by its position, and the positions are in the order of the names. */
export type Order =
  | { readonly kind: 'position' }
  /** Null is unknown. */
  | { readonly kind: 'number'; readonly valueAt: (position: number) => number | null }
  | { readonly kind: 'text'; readonly compare: (a: number, b: number) => number };

export const BY_POSITION = { kind: 'position' } as const satisfies Order;

/** Returns all positions in that order. Unknown values come last in both directions, and equal ones by position, so that the order is unique. */
export function positionsInOrder(length: number, order: Order, isDescending: boolean): Uint32Array {
  return runToEnd(orderInSteps(length, order, isDescending));
}

/** Does the same in steps of at most a millisecond: sorts short runs, and then merges them. */
export function* orderInSteps(length: number, order: Order, isDescending: boolean): Resumable<Uint32Array> {
  const sign = isDescending ? -1 : 1;
  switch (order.kind) {
    case 'position': {
      const positions = allPositions(length);
      return isDescending ? positions.reverse() : positions;
    }
    case 'text': {
      const isAfter = (a: number, b: number): boolean => sign * order.compare(a, b) > 0;
      return yield* mergeRuns(yield* sortTexts(length, order.compare, sign), TEXTS_PER_RUN, isAfter);
    }
    case 'number': {
      const values = yield* valuesOf(length, (position) => {
        const value = order.valueAt(position);
        return value === null || Number.isNaN(value) ? Number.POSITIVE_INFINITY : sign * value;
      });
      const isAfter = (a: number, b: number): boolean => (values[a] ?? 0) > (values[b] ?? 0);
      return yield* mergeRuns(yield* sortNumbers(values), NUMBERS_PER_RUN, isAfter);
    }
    default:
      return assertNever(order);
  }
}

/** A run is sorted in one step. Numbers alone are sorted much faster than with a compare function. */
const NUMBERS_PER_RUN = 4096;
const TEXTS_PER_RUN = 256;
const VALUES_PER_STEP = 1024;

function allPositions(length: number): Uint32Array {
  const positions = new Uint32Array(length);
  for (let position = 0; position < length; position++) positions[position] = position;
  return positions;
}

function* valuesOf(length: number, valueAt: (position: number) => number): Resumable<Float64Array> {
  const values = new Float64Array(length);
  for (const { from, to } of ranges(length, VALUES_PER_STEP)) {
    for (let position = from; position < to; position++) values[position] = valueAt(position);
    yield;
  }
  return values;
}

function* sortTexts(length: number, compare: (a: number, b: number) => number, sign: number): Resumable<Uint32Array> {
  const positions = allPositions(length);
  for (const { from, to } of ranges(length, TEXTS_PER_RUN)) {
    positions.subarray(from, to).sort((a, b) => sign * compare(a, b) || a - b);
    yield;
  }
  return positions;
}

/** Sorts the values of each run alone, and then looks up where each value starts in the result. */
function* sortNumbers(values: Float64Array): Resumable<Uint32Array> {
  const positions = new Uint32Array(values.length);
  for (const { from, to } of ranges(values.length, NUMBERS_PER_RUN)) {
    const sorted = values.slice(from, to).sort();
    const placed = new Uint32Array(to - from);
    for (let position = from; position < to; position++) {
      const start = firstIndexOf(sorted, values[position] ?? 0);
      const before = placed[start] ?? 0;
      placed[start] = before + 1;
      positions[from + start + before] = position;
    }
    yield;
  }
  return positions;
}

/** Returns the first index of a value that the sorted array contains. */
function firstIndexOf(sorted: Float64Array, value: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Merges sorted runs of that length, pair by pair. Of equal ones, those of the earlier run come first. */
function* mergeRuns(
  runs: Uint32Array,
  runLength: number,
  isAfter: (a: number, b: number) => boolean,
): Resumable<Uint32Array> {
  let source: Uint32Array = runs;
  let target: Uint32Array = new Uint32Array(runs.length);
  for (let width = runLength; width < runs.length; width *= 2) {
    for (const { from, to } of ranges(runs.length, 2 * width)) {
      yield* mergeTwo(source, target, { from, middle: Math.min(from + width, to), to, isAfter });
    }
    [source, target] = [target, source];
  }
  return source;
}

interface Merge {
  readonly from: number;
  readonly middle: number;
  readonly to: number;
  readonly isAfter: (a: number, b: number) => boolean;
}

function* mergeTwo(
  source: Uint32Array,
  target: Uint32Array,
  { from, middle, to, isAfter }: Merge,
): Resumable<undefined> {
  let [left, right] = [from, middle];
  for (let at = from; at < to; at++) {
    const takesRight = left === middle || (right < to && isAfter(source[left] ?? 0, source[right] ?? 0));
    target[at] = source[takesRight ? right++ : left++] ?? 0;
    if (at % VALUES_PER_STEP === 0) yield;
  }
  return undefined;
}
