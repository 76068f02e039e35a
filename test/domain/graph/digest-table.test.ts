import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DigestTableBuilder, unpackDigests } from '../../../src/domain/graph/digest-table.ts';
import { byName, type Digest } from '../../../src/domain/names.ts';

const hexadecimal = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
/** Digests of all algorithms, and texts that look like one of sha256: whatever is added comes back. */
const anyDigest = fc
  .oneof(
    { weight: 6, arbitrary: hexadecimal(64).map((hex) => `sha256:${hex}`) },
    { weight: 2, arbitrary: fc.nat(40).map((number) => `sha256:${number.toString(16).padStart(64, '0')}`) },
    { weight: 1, arbitrary: hexadecimal(128).map((hex) => `sha512:${hex}`) },
    { weight: 1, arbitrary: hexadecimal(63).map((hex) => `sha256:${hex}š`) },
    { weight: 1, arbitrary: hexadecimal(64).map((hex) => `sha256:${hex.toUpperCase()}`) },
    { weight: 1, arbitrary: fc.constantFrom('sha256:ab', 'blake3:x=_-', '') },
  )
  .map((text) => text as Digest);
const manyDigests = fc.oneof(
  fc.array(anyDigest, { maxLength: 400, size: 'max' }),
  fc.array(
    hexadecimal(64).map((hex) => `sha256:${hex}` as Digest),
    { maxLength: 400, size: 'max' },
  ),
  fc.array(
    hexadecimal(2).map((hex) => `sha256:${hex.padStart(64, '0')}` as Digest),
    { maxLength: 100, size: 'max' },
  ),
);

test('on random digests it numbers, finds and orders like a plain Map, packed and unpacked too', () => {
  const property = fc.property(manyDigests, manyDigests, (added, others) => {
    const numbers = new Map<string, number>();
    const builder = new DigestTableBuilder();
    for (const digest of [...added, ...added]) {
      if (!numbers.has(digest)) numbers.set(digest, numbers.size);
      expect(builder.add(digest)).toBe(numbers.get(digest));
    }
    const table = builder.build();
    const unpacked = unpackDigests(deserialize(serialize(table.pack())));
    const texts = [...numbers.keys()];
    for (const { length, at, nodeOf, compare, inOrder } of [table, unpacked]) {
      expect(length).toBe(texts.length);
      expect(texts.map((_, node) => at(node))).toEqual(texts);
      for (const digest of [...added, ...others]) expect(nodeOf(digest)).toBe(numbers.get(digest));
      const sorted = texts.map((_, node) => node).sort(compare);
      expect(sorted.map((node) => at(node))).toEqual(texts.toSorted(byName));
      expect(Array.from(inOrder())).toEqual(sorted);
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test('a table stays the same when more is added', () => {
  const property = fc.property(manyDigests, manyDigests, (before, after) => {
    const builder = new DigestTableBuilder();
    for (const digest of before) builder.add(digest);
    const table = builder.build();
    const packed = structuredClone(table.pack());
    for (const digest of after) builder.add(digest);
    expect(table.length).toBe(new Set(before).size);
    expect(table.pack()).toEqual(packed);
    for (const digest of after) expect(table.nodeOf(digest) !== undefined).toBe(before.includes(digest));
  });
  fc.assert(property, { numRuns: 100 });
});

test('a hundred thousand digests that differ in a few bits are found as fast as any', { timeout: 5000 }, () => {
  const builder = new DigestTableBuilder();
  const digestOf = (number: number): Digest =>
    `sha256:${number.toString(16).padEnd(8, '0')}${number.toString(16).padStart(56, '0')}` as Digest;
  for (let number = 0; number < 100_000; number++) expect(builder.add(digestOf(number))).toBe(number);
  expect(builder.nodeOf(digestOf(77_777))).toBe(77_777);
  expect(builder.nodeOf(digestOf(100_000))).toBeUndefined();
});
