/** What the members of a collection are put in order by. They are known by their positions, which are in the order of their names. */
export type Order =
  /** Null is unknown. */
  | { readonly kind: 'number'; readonly valueAt: (position: number) => number | null }
  | { readonly kind: 'text'; readonly compare: (a: number, b: number) => number };

export const BY_POSITION: Order = { kind: 'text', compare: (a, b) => a - b };

/** All positions in that order. What is unknown comes last, whichever way it goes; equals come by their positions, so that no two orders are possible. */
export function positionsInOrder(length: number, order: Order, isDescending: boolean): Uint32Array {
  const sign = isDescending ? -1 : 1;
  const positions = new Uint32Array(length).map((_, position) => position);
  if (order.kind === 'text') return positions.sort((a, b) => sign * order.compare(a, b) || a - b);
  const values = Float64Array.from(positions, (position) => order.valueAt(position) ?? Number.NaN);
  const valueAt = (position: number): number => values[position] ?? Number.NaN;
  const known = positions.filter((position) => !Number.isNaN(valueAt(position)));
  known.sort((a, b) => sign * (valueAt(a) - valueAt(b)) || a - b);
  const unknown = positions.filter((position) => Number.isNaN(valueAt(position)));
  positions.set(known);
  positions.set(unknown, known.length);
  return positions;
}
