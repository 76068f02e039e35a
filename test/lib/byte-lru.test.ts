import { expect, test } from 'vitest';
import { createByteLru } from '../../src/lib/byte-lru.ts';

const KB = 1024;

test('evicts the least recently used entries when the limit is reached', () => {
  const cache = createByteLru<string>(32 * KB);
  for (const key of ['a', 'b', 'c']) cache.set(key, key, 9 * KB);
  expect(cache.get('a')).toBe('a');
  cache.set('d', 'd', 9 * KB);
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual(['a', undefined, 'c', 'd']);
});

test('does not cache a value larger than the limit', () => {
  const cache = createByteLru<string>(32 * KB);
  cache.set('a', 'small', 1);
  cache.set('b', 'large', 33 * KB);
  expect([cache.get('a'), cache.get('b')]).toEqual(['small', undefined]);
});

test('counts the keys too', () => {
  const cache = createByteLru<number>(64 * KB);
  const key = (i: number): string => 'x'.repeat(2000) + i;
  for (let i = 0; i < 40; i++) cache.set(key(i), i, 0);
  expect([cache.get(key(0)), cache.get(key(39))]).toEqual([undefined, 39]);
});

test('evicts others when an entry grows, and makes space when one shrinks', () => {
  const cache = createByteLru<string>(32 * KB);
  cache.set('a', 'a', 9 * KB);
  cache.set('b', 'b', 9 * KB);
  expect(cache.grow('b', 'b', 15 * KB)).toBe(true);
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'b']);
  expect(cache.grow('b', 'b', -15 * KB)).toBe(true);
  cache.set('a', 'a', 9 * KB);
  expect([cache.get('a'), cache.get('b')]).toEqual(['a', 'b']);
});

test('refuses to grow an entry beyond the limit, or a value that is no longer cached', () => {
  const cache = createByteLru<string>(32 * KB);
  cache.set('a', 'old', 9 * KB);
  expect(cache.grow('a', 'old', 32 * KB)).toBe(false);
  expect(cache.get('a')).toBe('old');
  cache.set('a', 'new', 9 * KB);
  expect(cache.grow('a', 'old', 1)).toBe(false);
  expect(cache.grow('b', 'b', 1)).toBe(false);
});
