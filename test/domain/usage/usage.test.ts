import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/domain/graph/graph-builder.ts';
import type { Descriptor } from '../../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName } from '../../../src/domain/names.ts';
import { measureTagSet } from '../../../src/domain/usage/tag-set.ts';
import { buildTree, REGISTRY_NODE } from '../../../src/domain/usage/tree.ts';
import type { Usage } from '../../../src/domain/usage/usage.ts';
import { measure } from '../../support/measure.ts';
import { type NaiveFigures, type NaiveTag, naiveFigures } from '../../support/naive-usage.ts';
import { randomRegistry } from '../../support/random-registry.ts';
import { config, digest, layer } from '../../support/sample-graph.ts';

/** Measures one repository `app` whose tags have these roots. Returns a function that reads one figure of every tag and of the registry. */
function measured(builder: GraphBuilder, roots: readonly number[]) {
  const tree = buildTree([{ name: 'app' as RepositoryName, tagsCount: roots.length }]);
  const usage = measure(builder.build(), tree, Int32Array.from(roots));
  type Figure = 'sizeBytes' | 'diskSizeBytes' | 'deduplicatedBytes' | 'reclaimableBytes' | 'metadataBytes';
  return (figure: Figure | 'incompleteCount') => [...tree.nodeOfTag, REGISTRY_NODE].map((node) => usage[figure][node]);
}

test('charges the layers of a base image to its tag, and the added layers to the application', () => {
  const builder = new GraphBuilder();
  const add = (name: string, ...layers: Descriptor[]) =>
    builder.addManifest(digest(name), 500, { kind: 'image', config, layers });
  const figure = measured(builder, [
    add('app', layer('base', 100), layer('x', 10), layer('base', 100)),
    add('base-image', layer('base', 100)),
  ]);
  expect(figure('sizeBytes')).toEqual([110, 100, 210]);
  expect(figure('diskSizeBytes')).toEqual([10, 100, 110]);
  expect(figure('deduplicatedBytes')).toEqual([617, 607, 1117]);
  expect(figure('reclaimableBytes')).toEqual([510, 500, 1117]);
  expect(figure('metadataBytes')).toEqual([507, 507, 1007]);
});

test('measures an index with a missing platform by its other platforms, and marks it as incomplete', () => {
  const builder = new GraphBuilder();
  const child = { mediaType: MANIFEST_TYPES.ociManifest, sizeBytes: 500 };
  builder.addManifest(digest('amd64'), 500, { kind: 'image', config, layers: [layer('a', 5)] });
  const manifests = [
    { ...child, digest: digest('amd64') },
    { ...child, digest: digest('arm64') },
  ];
  const figure = measured(builder, [builder.addManifest(digest('index'), 600, { kind: 'index', manifests })]);
  expect([figure('sizeBytes')[0], figure('diskSizeBytes')[0], figure('incompleteCount')[0]]).toEqual([5, 5, 1]);
  expect(figure('deduplicatedBytes')[0]).toBe(1112);
});

test('walks shared indexes once: forty diamonds in a row do not take 2^40 steps', () => {
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
  expect(measured(builder, [builder.node(below)])('sizeBytes')[0]).toBe(5);
});

test('on random registries, every figure of every node equals the naive count', () => {
  const property = fc.property(randomRegistry, ({ blobs, tags, graph, roots, repositories }) => {
    const tree = buildTree(repositories);
    const usage = measure(graph, tree, roots);
    const expectNode = (node: number, set: readonly NaiveTag[]) =>
      expect(figuresAt(usage, node)).toEqual(naiveFigures(blobs, tags, set));
    expectNode(REGISTRY_NODE, tags);
    for (const [place, { name }] of repositories.entries()) {
      expectNode(
        tree.nodeOfRepository[place] ?? -1,
        tags.filter(({ repository }) => repository === name),
      );
    }
    for (const [position, tag] of tags.entries()) expectNode(tree.nodeOfTag[position] ?? -1, [tag]);
    const paths = tree.namespaces.map(({ path }) => path);
    for (const { path, node } of tree.namespaces) {
      expectNode(
        node,
        tags.filter(({ repository }) => repository.split('/').slice(0, path.split('/').length).join('/') === path),
      );
    }
    const prefixes = repositories.flatMap(({ name }) =>
      name.split('/').flatMap((_, i, segments) => (i === 0 ? [] : segments.slice(0, i).join('/'))),
    );
    expect(paths.toSorted()).toEqual([...new Set(prefixes)].sort());
  });
  fc.assert(property, { numRuns: 2000 });
});

test('on random registries, the figures of any set of tags equal the naive count', () => {
  const property = fc.property(randomRegistry, fc.infiniteStream(fc.boolean()), (registry, choices) => {
    const { blobs, tags, graph, roots, repositories } = registry;
    const usage = measure(graph, buildTree(repositories), roots);
    const chosen = [...tags.keys()].filter(() => choices.next().value);
    const expected = naiveFigures(
      blobs,
      tags,
      chosen.map((position) => tags[position] as NaiveTag),
    );
    const known = (bytes: number) => (expected.tags > 0 && expected.known === 0 ? null : bytes);
    expect(measureTagSet(graph, roots, usage, chosen)).toEqual({
      deduplicatedBytes: known(expected.deduplicated),
      reclaimableBytes: known(expected.reclaimable),
      metadataBytes: known(expected.metadata),
      isComplete: expected.known === expected.tags && expected.incomplete === 0,
    });
  });
  fc.assert(property, { numRuns: 1000 });
});

test('on random registries, disk size and metadata add up to the deduplicated bytes', () => {
  const property = fc.property(randomRegistry, ({ graph, roots, repositories }) => {
    const usage = measure(graph, buildTree(repositories), roots);
    const at = (bytes: Float64Array) => bytes[REGISTRY_NODE] ?? -1;
    expect(at(usage.diskSizeBytes) + at(usage.metadataBytes)).toBe(at(usage.deduplicatedBytes));
    expect(at(usage.reclaimableBytes)).toBe(at(usage.deduplicatedBytes));
  });
  fc.assert(property, { numRuns: 1000 });
});

function figuresAt(usage: Usage, node: number): NaiveFigures {
  const read = (array: ArrayLike<number>): number => array[node] ?? Number.NaN;
  return {
    size: read(usage.sizeBytes),
    diskSize: read(usage.diskSizeBytes),
    deduplicated: read(usage.deduplicatedBytes),
    reclaimable: read(usage.reclaimableBytes),
    metadata: read(usage.metadataBytes),
    tags: read(usage.tagsCount),
    known: read(usage.knownTagsCount),
    incomplete: read(usage.incompleteCount),
  };
}
