import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../src/domain/graph.ts';
import { type Descriptor, MANIFEST_TYPES } from '../src/domain/manifest.ts';
import type { Digest } from '../src/domain/names.ts';
import { attribute } from '../src/domain/usage.ts';
import { type NaiveTag, naiveUsage } from './naive-usage.ts';

const digest = (text: string): Digest => `sha256:${Buffer.from(text).toString('hex').padStart(64, '0')}` as Digest;
const layer = (name: string, sizeBytes: number): Descriptor => ({
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: digest(name),
  sizeBytes,
});
const config: Descriptor = {
  mediaType: 'application/vnd.oci.image.config.v1+json',
  digest: digest('config'),
  sizeBytes: 7,
};

test('a base image carries its own layers, and an application what it adds', () => {
  const builder = new GraphBuilder();
  const add = (name: string, ...layers: Descriptor[]) =>
    builder.addManifest(digest(name), 500, { kind: 'image', config, layers });
  const roots = Uint32Array.of(
    add('app', layer('base', 100), layer('x', 10), layer('base', 100)),
    add('base-image', layer('base', 100)),
  );
  const usage = attribute(builder.build(), roots);
  expect([...usage.sizeBytes]).toEqual([110, 100]);
  expect([...usage.diskSizeBytes]).toEqual([10, 100]);
});

test('an index with a missing platform keeps the platforms it has, and says that it is incomplete', () => {
  const builder = new GraphBuilder();
  const child = { mediaType: MANIFEST_TYPES.ociManifest, sizeBytes: 500 };
  builder.addManifest(digest('amd64'), 500, { kind: 'image', config, layers: [layer('a', 5)] });
  const manifests = [
    { ...child, digest: digest('amd64') },
    { ...child, digest: digest('arm64') },
  ];
  const roots = Uint32Array.of(builder.addManifest(digest('index'), 600, { kind: 'index', manifests }));
  const usage = attribute(builder.build(), roots);
  expect([usage.sizeBytes[0], usage.diskSizeBytes[0], usage.isIncomplete[0]]).toEqual([5, 5, 1]);
});

test('a shared index is walked once: forty diamonds in a row stay forty steps, not two to the forty', () => {
  const builder = new GraphBuilder();
  let below = digest('bottom');
  builder.addManifest(below, 1, { kind: 'image', config, layers: [layer('a', 5)] });
  const child = (of: Digest): Descriptor => ({ mediaType: MANIFEST_TYPES.ociIndex, digest: of, sizeBytes: 1 });
  for (let level = 0; level < 40; level++) {
    const sides = [digest(`left${level}`), digest(`right${level}`)];
    for (const side of sides) builder.addManifest(side, 1, { kind: 'index', manifests: [child(below)] });
    below = digest(`top${level}`);
    builder.addManifest(below, 1, { kind: 'index', manifests: sides.map(child) });
  }
  expect(attribute(builder.build(), Uint32Array.of(builder.node(below))).sizeBytes[0]).toBe(5);
});

test('on random graphs it agrees with the naive count, and the owners add up to the bytes of all layers', () => {
  const images = fc.array(fc.uniqueArray(fc.nat(12), { maxLength: 6 }), { minLength: 1, maxLength: 12 });
  const indexes = fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 6 });
  const tags = fc.array(fc.nat(40), { minLength: 1, maxLength: 15 });
  const property = fc.property(images, indexes, tags, (images, indexes, tags) => {
    const builder = new GraphBuilder();
    const bytesOf = (number: number): number => 1 + ((number * 37) % 100);
    const nodes = images.map((numbers, i) => {
      const layers = numbers.map((number) => layer(`l${number}`, bytesOf(number)));
      builder.addManifest(digest(`image${i}`), 9, { kind: 'image', config, layers });
      return { digest: digest(`image${i}`), layers: new Map(numbers.map((n) => [`l${n}`, bytesOf(n)])) };
    });
    for (const [i, picks] of indexes.entries()) {
      const children = picks.map((pick) => nodes[pick % nodes.length] as (typeof nodes)[number]);
      const manifests = children.map((child) => ({
        mediaType: MANIFEST_TYPES.ociIndex,
        digest: child.digest,
        sizeBytes: 9,
      }));
      builder.addManifest(digest(`index${i}`), 9, { kind: 'index', manifests });
      nodes.push({ digest: digest(`index${i}`), layers: new Map(children.flatMap((child) => [...child.layers])) });
    }
    const named: (NaiveTag & { digest: Digest })[] = tags.map((pick, i) => {
      const node = nodes[pick % nodes.length] as (typeof nodes)[number];
      return { ...node, name: String(i).padStart(3, '0') };
    });
    const usage = attribute(
      builder.build(),
      Uint32Array.from(named, (tag) => builder.node(tag.digest)),
    );
    const expected = naiveUsage(named);
    for (const [i, tag] of named.entries()) {
      expect({ size: usage.sizeBytes[i], diskSize: usage.diskSizeBytes[i] }).toEqual(expected.get(tag.name));
    }
    const all = new Map(named.flatMap((tag) => [...tag.layers]));
    const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
    expect(sum(usage.diskSizeBytes)).toBe(sum(all.values()));
  });
  fc.assert(property, { numRuns: 2000 });
});
