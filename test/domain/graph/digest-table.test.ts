import { hash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DigestTableBuilder, unpackDigests } from '../../../src/domain/graph/digest-table.ts';
import { byName, type Digest } from '../../../src/domain/names.ts';
import { runToEnd } from '../../../src/lib/resumable.ts';

const hexadecimal = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
/** Digests of several algorithms, and texts that resemble a sha256: the table returns them unchanged. */
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

test('numbers, finds and orders random digests like a plain Map, also after packing and unpacking', () => {
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
      expect(Array.from(runToEnd(inOrder()))).toEqual(sorted);
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test('a built table does not change when more digests are added', () => {
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

test('finds digests that differ in a few bits about as fast as random ones', () => {
  const spelled = (number: number, pad: (hex: string) => string): Digest =>
    `sha256:${pad(number.toString(16))}` as Digest;
  const similar = Array.from({ length: 100_000 }, (_, i) =>
    spelled(i, (hex) => `${hex.padEnd(8, '0')}${hex.padStart(56, '0')}`),
  );
  const random = similar.map((digest) => `sha256:${hash('sha256', digest)}` as Digest);
  const [similarMs, randomMs] = [similar, random].map((digests) => Math.min(...[1, 2, 3].map(() => msToAdd(digests))));
  // A table that searched all equal hashes would take thousands of times as long.
  expect(similarMs).toBeLessThan(20 * (randomMs ?? 0));
});

/** Adds the digests to a new table, looks them up, and returns how long that took. */
function msToAdd(digests: readonly Digest[]): number {
  const builder = new DigestTableBuilder();
  const startedAt = performance.now();
  const added = digests.map((digest) => builder.add(digest));
  const found = digests.map((digest) => builder.nodeOf(digest));
  const ms = performance.now() - startedAt;
  expect(added).toEqual([...digests.keys()]);
  expect(found).toEqual(added);
  expect(builder.nodeOf(`sha256:${'f'.repeat(64)}`)).toBeUndefined();
  return ms;
}
