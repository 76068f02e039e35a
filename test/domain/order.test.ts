import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BY_POSITION, positionsInOrder } from '../../src/domain/order.ts';

const value = fc.option(fc.constantFrom(0, 1, 2, 2.5, 1e15), { freq: 4 });

test('sorts unknown values last in both directions, and equal ones by position', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), fc.boolean(), (values, isDescending) => {
      const order = { kind: 'number' as const, valueAt: (position: number) => values[position] ?? null };
      const twin = values
        .map((one, position) => ({ one, position }))
        .sort((a, b) => {
          if (a.one === b.one) return a.position - b.position;
          if (a.one === null) return 1;
          if (b.one === null) return -1;
          return isDescending ? b.one - a.one : a.one - b.one;
        });
      expect([...positionsInOrder(values.length, order, isDescending)]).toEqual(twin.map(({ position }) => position));
    }),
  );
});

test('returns positions in either direction', () => {
  expect([...positionsInOrder(3, BY_POSITION, false)]).toEqual([0, 1, 2]);
  expect([...positionsInOrder(3, BY_POSITION, true)]).toEqual([2, 1, 0]);
});

test('sorts many numbers and texts as a plain sort does', () => {
  const values = Array.from({ length: 20_000 }, (_, i) => (i % 97 === 0 ? null : (i * 7919) % 1009));
  const valueAt = (position: number) => values[position] ?? null;
  const all = values.map((_, position) => position);
  for (const isDescending of [false, true]) {
    const key = (position: number) => {
      const value = valueAt(position);
      return value === null ? Number.POSITIVE_INFINITY : isDescending ? -value : value;
    };
    const byNumber = all.toSorted((a, b) => (key(a) === key(b) ? a - b : key(a) - key(b)));
    expect([...positionsInOrder(values.length, { kind: 'number', valueAt }, isDescending)]).toEqual(byNumber);
    const compare = (a: number, b: number) => (valueAt(a) ?? 0) - (valueAt(b) ?? 0);
    const byText = all.toSorted((a, b) => (isDescending ? -compare(a, b) : compare(a, b)) || a - b);
    expect([...positionsInOrder(values.length, { kind: 'text', compare }, isDescending)]).toEqual(byText);
  }
});
