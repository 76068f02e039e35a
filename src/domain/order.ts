import { assertNever } from '../lib/assert-never.ts';

/** What the items of a list are sorted by. An item is known by its position, and the positions are in the order of the names. */
export type Order =
  | { readonly kind: 'position' }
  /** Null is unknown. */
  | { readonly kind: 'number'; readonly valueAt: (position: number) => number | null }
  | { readonly kind: 'text'; readonly compare: (a: number, b: number) => number };

export const BY_POSITION = { kind: 'position' } as const satisfies Order;

/** Returns all positions in that order. Unknown values come last in both directions, and equal ones by position, so that the order is unique. */
export function positionsInOrder(length: number, order: Order, isDescending: boolean): Uint32Array {
  const sign = isDescending ? -1 : 1;
  const positions = new Uint32Array(length).map((_, position) => position);
  switch (order.kind) {
    case 'position':
      return isDescending ? positions.reverse() : positions;
    case 'text':
      return positions.sort((a, b) => sign * order.compare(a, b) || a - b);
    case 'number':
      return byNumber(Float64Array.from(positions, (position) => sign * (order.valueAt(position) ?? Number.NaN)));
    default:
      return assertNever(order);
  }
}

/**
 * Sorts the values alone, which is several times as fast as sorting with a compare function, and then looks up where each value starts in the
 * result. NaN is sorted to the end.
 */
function byNumber(values: Float64Array): Uint32Array {
  const sorted = values.toSorted();
  const positions = new Uint32Array(values.length);
  const placed = new Uint32Array(values.length + 1);
  for (let position = 0; position < values.length; position++) {
    const start = firstIndexOf(sorted, values[position] ?? Number.NaN);
    const before = placed[start] ?? 0;
    placed[start] = before + 1;
    positions[start + before] = position;
  }
  return positions;
}

/** Returns the first index of a value that the sorted array contains; NaN included. */
function firstIndexOf(sorted: Float64Array, value: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const other = sorted[middle] ?? 0;
    if (Number.isNaN(value) ? !Number.isNaN(other) : other < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
