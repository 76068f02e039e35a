import { expect, test } from 'vitest';
import { parseDigest, parseRepositoryName, parseTagName } from '../../src/domain/names.ts';

test('parses a digest by its grammar, and checks the length for registered algorithms', () => {
  expect(parseDigest(`sha256:${'a'.repeat(64)}`)).toBe(`sha256:${'a'.repeat(64)}`);
  expect(parseDigest(`sha512:${'0'.repeat(128)}`)).toBeDefined();
  expect(parseDigest('multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8')).toBeDefined();
  for (const wrong of [
    '',
    'sha256:',
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'A'.repeat(64)}`,
    'sha256:../../x',
    'abc',
  ]) {
    expect(parseDigest(wrong), wrong).toBeUndefined();
  }
});

test('accepts repository names with components that resemble paths of the protocol', () => {
  for (const name of ['a', 'a/tags', 'a/tags/list', 'tags', 'x/tags/1.0', 'a__b/c--d/e.f_g', 'a'.repeat(255)]) {
    expect(parseRepositoryName(name), name).toBe(name);
  }
  for (const name of ['', 'A', '/a', 'a/', 'a//b', 'a___b', 'a..b', '-a', 'a-', 'a b', 'a'.repeat(256), 'a/../b']) {
    expect(parseRepositoryName(name), name).toBeUndefined();
  }
});

test('accepts tag names of up to 128 characters that start with a word character', () => {
  for (const name of ['latest', '_under', 'A.b-C_d', '0', 'x'.repeat(128), `sha256-${'ab'.repeat(32)}.sig`]) {
    expect(parseTagName(name), name).toBe(name);
  }
  for (const name of ['', '.a', '-a', 'a/b', 'x'.repeat(129), 'ü', 'a b'])
    expect(parseTagName(name), name).toBeUndefined();
});
