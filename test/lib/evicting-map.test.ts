import { expect, test } from 'vitest';
import { createEvictingMap } from '../../src/lib/evicting-map.ts';

test('evicts the lighter half when it is full and a new key arrives', () => {
  const map = createEvictingMap<number>(4, (value) => value);
  for (const [key, value] of [
    ['a', 3],
    ['b', 1],
    ['c', 2],
    ['d', 4],
  ] as const)
    map.set(key, value);
  map.set('c', 2.5);
  expect(map.size()).toBe(4);
  map.set('e', 0);
  expect(['a', 'b', 'c', 'd', 'e'].map((key) => map.get(key))).toEqual([3, undefined, undefined, 4, 0]);
});

test('never holds more keys than its limit', () => {
  const map = createEvictingMap<number>(4, (value) => value);
  for (let i = 0; i < 1000; i++) {
    map.set(String(i), i % 7);
    expect(map.size()).toBeLessThanOrEqual(4);
  }
});

test('forgets a deleted key', () => {
  const map = createEvictingMap<number>(4, (value) => value);
  map.set('a', 1);
  map.delete('a');
  expect([map.get('a'), map.size()]).toEqual([undefined, 0]);
});
