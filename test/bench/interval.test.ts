import { expect, test } from 'vitest';
import { ratioInterval } from '../../bench/compare/interval.ts';

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);

test.for([
  // A table of the sign test: the ranks of the interval, and the probability that it holds the median.
  [5, 1, 5, 0.9375],
  [6, 1, 6, 0.9688],
  [9, 2, 8, 0.9609],
  [12, 3, 10, 0.9614],
  [20, 6, 15, 0.9586],
] as const)('of %i values, the interval reaches from value %i to value %i', ([count, low, high, coverage]) => {
  const found = ratioInterval(upTo(count).toReversed());
  expect([found.low, found.high]).toEqual([low, high]);
  expect(found.coverage).toBeCloseTo(coverage, 4);
});

test('holds the true median as often as it says', () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647; // Park and Miller's generator
    return seed / 2_147_483_647;
  };
  const tries = 4000;
  const held = upTo(tries).filter(() => {
    const { low, high } = ratioInterval(upTo(12).map(random));
    return low <= 0.5 && high >= 0.5;
  });
  expect(held.length / tries).toBeGreaterThan(0.95);
  expect(held.length / tries).toBeLessThan(0.975);
});
