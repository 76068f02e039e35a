import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { imageConfigAt, ownKindOf, platformsNamedBy } from '../../../src/domain/graph/blob-facts.ts';
import { type BlobGraph, imageConfigOf, packGraph, subjectOf, unpackGraph } from '../../../src/domain/graph/graph.ts';
import { GraphBuilder } from '../../../src/domain/graph/graph-builder.ts';
import type { Manifest } from '../../../src/domain/manifest/manifest.ts';
import type { Digest } from '../../../src/domain/names.ts';
import { buildTree } from '../../../src/domain/usage/tree.ts';
import { measure } from '../../support/measure.ts';
import { randomRegistry } from '../../support/random-registry.ts';

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('c'), sizeBytes: 7 };
const image = (mediaType: string, sizeBytes: number | undefined): Manifest => ({
  kind: 'image',
  config,
  layers: [{ mediaType, digest: digest('a'), sizeBytes }],
});
const schema1: Manifest = { kind: 'schema1', layers: [digest('a')] };

/** Adds these manifests in both orders, and then the reported sizes. Returns the size of layer `a`, which must be the same for both. */
function layerAfter(
  manifests: readonly Manifest[],
  stored?: number | 'absent',
): { bytes: number | undefined; isMissing: boolean } {
  const [forward, backward] = [manifests, manifests.toReversed()].map((order) => {
    const builder = new GraphBuilder();
    for (const [i, manifest] of order.entries()) builder.addManifest(digest(String(i)), 100, manifest);
    if (stored !== undefined && builder.isUnsized(digest('a')))
      builder.settle(digest('a'), stored === 'absent' ? undefined : stored);
    return read(builder.build());
  });
  expect(forward).toEqual(backward);
  return forward as { bytes: number | undefined; isMissing: boolean };
}

function read(graph: BlobGraph) {
  const node = graph.digests.nodeOf(digest('a')) ?? -1;
  return { bytes: graph.bytes[node], isMissing: graph.isMissing[node] === 1 };
}

test('uses the size of one descriptor if others have none', () => {
  expect(layerAfter([image(LAYER, 5), schema1, image(LAYER, undefined)])).toEqual({ bytes: 5, isMissing: false });
});

test('marks a blob without any size as missing until the registry reports one', () => {
  expect(layerAfter([schema1])).toEqual({ bytes: Number.NaN, isMissing: true });
  expect(layerAfter([schema1], 9)).toEqual({ bytes: 9, isMissing: false });
  expect(layerAfter([schema1], 'absent')).toEqual({ bytes: Number.NaN, isMissing: true });
});

test('marks a blob with different sizes as missing until the registry reports one', () => {
  expect(layerAfter([image(LAYER, 5), image(LAYER, 6)])).toEqual({ bytes: Number.NaN, isMissing: true });
  expect(layerAfter([image(LAYER, 5), image(LAYER, 6)], 6)).toEqual({ bytes: 6, isMissing: false });
});

test('uses a reported size also for manifests that are added later', () => {
  const builder = new GraphBuilder();
  builder.addManifest(digest('1'), 100, image(FOREIGN, 50));
  builder.settle(digest('a'), undefined);
  builder.addManifest(digest('2'), 100, image(FOREIGN, 50));
  expect(read(builder.build())).toEqual({ bytes: 0, isMissing: false });
  builder.addManifest(digest('3'), 100, image(LAYER, 60));
  expect(read(builder.build())).toEqual({ bytes: Number.NaN, isMissing: true });
  builder.settle(digest('a'), 60);
  builder.addManifest(digest('4'), 100, image(LAYER, 61));
  expect(read(builder.build())).toEqual({ bytes: 60, isMissing: false });
});

test('keeps at most 100 platforms of one child', () => {
  const child = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digest('a'), sizeBytes: 100 };
  const manifests = Array.from({ length: 60_000 }, (_, i) => ({ ...child, platform: `linux/a${i}` }));
  const builder = new GraphBuilder();
  builder.addManifest(digest('b'), 100, { kind: 'index', manifests });
  const [platforms = []] = platformsNamedBy(builder.build(), builder.node(digest('b'))).values();
  expect(platforms).toHaveLength(100);
});

test('packs and unpacks random graphs without a change', () => {
  const property = fc.property(randomRegistry, ({ graph, roots, repositories }) => {
    const read = unpackGraph(deserialize(serialize(packGraph(graph))));
    expect(packGraph(read)).toEqual(packGraph(graph));
    const nodes = [...graph.bytes.keys()];
    for (const node of nodes) expect(read.digests.nodeOf(graph.digests.at(node))).toBe(node);
    const tree = buildTree(repositories);
    expect(measure(read, tree, roots)).toEqual(measure(graph, tree, roots));
  });
  fc.assert(property, { numRuns: 100 });
});

test('packs and unpacks the facts from manifests and configs', () => {
  const builder = new GraphBuilder();
  const child = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digest('1'), sizeBytes: 100 };
  const platforms = ['linux/arm64', 'linux/amd64'];
  builder.addManifest(digest('1'), 100, { ...image(LAYER, 5), subject: digest('9') });
  builder.addManifest(digest('2'), 100, {
    kind: 'index',
    manifests: platforms.map((platform) => ({ ...child, platform })),
  });
  builder.addImageConfig(digest('c'), { createdAt: 1_700_000_000_000, platform: 'linux/arm64' });
  builder.addImageConfig(digest('d'), { createdAt: undefined, platform: undefined });
  const graph = unpackGraph(deserialize(serialize(packGraph(builder.build()))));
  const [first, second] = [builder.node(digest('1')), builder.node(digest('2'))];
  expect([ownKindOf(graph, first), ownKindOf(graph, second)]).toEqual(['accessory', 'index']);
  expect(subjectOf(graph, first)).toBe(digest('9'));
  expect(imageConfigOf(graph, first)).toBe(builder.node(digest('c')));
  expect(imageConfigOf(graph, second)).toBeUndefined();
  expect([...platformsNamedBy(graph, second)]).toEqual([[first, platforms]]);
  const configOf = (letter: string) => imageConfigAt(graph, graph.digests.nodeOf(digest(letter)) ?? -1);
  expect(configOf('c')).toEqual({ createdAt: 1_700_000_000_000, platform: 'linux/arm64' });
  expect(configOf('d')).toEqual({ createdAt: undefined, platform: undefined });
  expect(configOf('a')).toBeUndefined();
});

test('a built graph does not change when more is added', () => {
  const builder = new GraphBuilder();
  builder.addManifest(digest('1'), 100, image(LAYER, 5));
  const graph = builder.build();
  const packed = structuredClone(packGraph(graph));
  for (let i = 0; i < 100; i++) builder.addManifest(digest(String(i)), 100, { ...image('', i), subject: digest('9') });
  builder.addImageConfig(digest('c'), { createdAt: 1, platform: 'linux/arm64' });
  expect(packGraph(graph)).toEqual(packed);
});

test('counts a foreign layer that is not stored as 0, unless another image lists it as a stored layer', () => {
  expect(layerAfter([image(FOREIGN, 50)], 'absent')).toEqual({ bytes: 0, isMissing: false });
  expect(layerAfter([image(FOREIGN, 50)], 50)).toEqual({ bytes: 50, isMissing: false });
  expect(layerAfter([image(FOREIGN, 50), image(LAYER, 50)], 'absent')).toEqual({ bytes: Number.NaN, isMissing: true });
  expect(layerAfter([image(FOREIGN, 50), schema1], 'absent')).toEqual({ bytes: 0, isMissing: false });
});
