import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/domain/graph/graph-builder.ts';
import { NO_ROOT } from '../../../src/domain/graph/reachable-blobs.ts';
import { type Manifest, readManifest } from '../../../src/domain/manifest/manifest.ts';
import { type Kind, kindOf } from '../../../src/domain/manifest/manifest-kind.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../../../src/domain/names.ts';
import { buildTree, REGISTRY_NODE } from '../../../src/domain/usage/tree.ts';
import { accessoryManifests, kindOfNode, subjectOfTag, sumByKind } from '../../../src/domain/usage/usage-by-kind.ts';
import { measure } from '../../support/measure.ts';
import { randomRegistry } from '../../support/random-registry.ts';

const digest = (text: string): Digest => `sha256:${Buffer.from(text).toString('hex').padStart(64, '0')}` as Digest;
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';
const named = (name: string, mediaType: string, size = 10) => ({ mediaType, digest: digest(name), size });

function read(body: object): Manifest {
  const manifest = readManifest(undefined, body);
  if (manifest.kind === 'unsupported' || manifest.kind === 'contradictory') throw new Error(manifest.reason);
  return manifest;
}

const image = (configType: string, fields: object = {}): Manifest =>
  read({ config: named('config', configType), layers: [named('layer', LAYER)], ...fields });
const index = (...mediaTypes: string[]): Manifest =>
  read({ manifests: mediaTypes.map((type, i) => named(String(i), type)) });

test.each<[string, Manifest, Kind]>([
  ['an OCI image', image(IMAGE_CONFIG), 'image'],
  ['a Docker image', image('application/vnd.docker.container.image.v1+json'), 'image'],
  ['an image whose config has no type', image(''), 'image'],
  ['a schema 1 image', read({ fsLayers: [{ blobSum: digest('layer') }] }), 'image'],
  ['a chart', image('application/vnd.cncf.helm.config.v1+json'), 'artifact:application/vnd.cncf.helm.config.v1+json'],
  [
    'an image with an artifact type',
    image(IMAGE_CONFIG, { artifactType: 'application/x.y' }),
    'artifact:application/x.y',
  ],
  ['an index', index(MANIFEST_TYPES.ociManifest, MANIFEST_TYPES.ociIndex), 'index'],
  ['an empty index', index(), 'index'],
  [
    'an index with an artifact type',
    read({ manifests: [], artifactType: 'application/x.y' }),
    'artifact:application/x.y',
  ],
  ['an index that lists layers', index(LAYER, LAYER), 'build-cache'],
  ['an index that lists the config of a cache', index(CACHE_CONFIG), 'build-cache'],
  ['a cache in the form of an image', image(CACHE_CONFIG), 'build-cache'],
  [
    'a manifest with a subject',
    image(IMAGE_CONFIG, { artifactType: 'application/x.y', subject: { digest: digest('s') } }),
    'accessory',
  ],
  ['a manifest whose subject is not a digest', image(IMAGE_CONFIG, { subject: { digest: 'nonsense' } }), 'image'],
])('returns the kind of %s', (_, manifest, kind) => {
  expect(kindOf(manifest)).toBe(kind);
});

const HEX = 'ab'.repeat(32);
const SUBJECT = `sha256:${HEX}` as Digest;

/** A graph with an image, a signature without a subject, a referrer of SUBJECT, and indexes of those. */
function openGraph() {
  const builder = new GraphBuilder();
  const child = (name: string, isAttestation?: true) => ({
    mediaType: MANIFEST_TYPES.ociManifest,
    digest: digest(name),
    sizeBytes: 100,
    ...(isAttestation && { isAttestation }),
  });
  const addIndex = (name: string, ...children: string[]) =>
    builder.addManifest(digest(name), 50, { kind: 'index', manifests: children.map((one) => child(one)) });
  const config = { mediaType: IMAGE_CONFIG, digest: digest('config'), sizeBytes: 7 };
  const addImage = (name: string, fields: { subject?: Digest } = {}) => {
    const layers = [{ mediaType: LAYER, digest: digest(`layer of ${name}`), sizeBytes: 1000 }];
    return builder.addManifest(digest(name), 100, { kind: 'image', config, layers, ...fields });
  };
  return { builder, child, addIndex, addImage };
}

test('takes the subject from the names of cosign tags, and of no other tags', () => {
  const { builder, addImage } = openGraph();
  const root = addImage('signature');
  const subjectOf = (tag: string) => subjectOfTag(builder.build(), tag as TagName, root);
  for (const suffix of ['sig', 'att', 'sbom']) expect(subjectOf(`sha256-${HEX}.${suffix}`)).toBe(SUBJECT);
  for (const tag of [
    'latest',
    `sha256-${HEX}.txt`,
    `sha256-${HEX.slice(2)}.sig`,
    `sha256-${HEX}a.sig`,
    `sha512-${HEX}`,
  ])
    expect(subjectOf(tag), tag).toBeUndefined();
});

test('takes the subject from the name of a fallback tag only if its index lists referrers of that subject', () => {
  const { builder, addImage, addIndex } = openGraph();
  const image = addImage('image');
  addImage('referrer', { subject: SUBJECT });
  addImage('another', { subject: digest('something else') });
  const subjectOf = (root: number) => subjectOfTag(builder.build(), `sha256-${HEX}` as TagName, root);
  expect(subjectOf(addIndex('list', 'referrer'))).toBe(SUBJECT);
  expect(subjectOf(addIndex('list with a hole', 'referrer', 'gone'))).toBe(SUBJECT);
  expect(subjectOf(addIndex('empty list'))).toBe(SUBJECT);
  expect(subjectOf(image)).toBeUndefined();
  expect(subjectOf(addIndex('platforms', 'image'))).toBeUndefined();
  expect(subjectOf(addIndex('mixed', 'referrer', 'another'))).toBeUndefined();
});

test('treats manifests below an accessory as accessories, unless an ordinary tag points at them', () => {
  const { builder, addImage, addIndex } = openGraph();
  const [signature, image] = [addImage('signature'), addImage('image')];
  const list = addIndex('list', 'signature', 'image');
  const graph = builder.build();
  const tags = [
    { root: list, isAccessory: true },
    { root: image, isAccessory: false },
    { root: image, isAccessory: true },
  ];
  expect(accessoryManifests(graph, tags)).toEqual(new Set([list, signature]));
  const kind = (node: number) => kindOfNode(graph, accessoryManifests(graph, tags), node);
  expect([list, signature, image].map(kind)).toEqual(['accessory', 'accessory', 'image']);
  expect(kind(graph.digests.nodeOf(digest('config')) ?? -1)).toBeUndefined();
});

test('treats a child as an attestation if an index marks it as one', () => {
  const { builder, child, addImage } = openGraph();
  const [image, attestation] = [addImage('image'), addImage('attestation')];
  const manifests = [child('image'), child('attestation', true)];
  const root = builder.addManifest(digest('index'), 50, { kind: 'index', manifests });
  const graph = builder.build();
  expect([root, image, attestation].map((node) => kindOfNode(graph, new Set(), node))).toEqual([
    'index',
    'image',
    'attestation',
  ]);
});

/** Adds up by kind the blobs that tags with these roots reach. */
function kindsOf(builder: GraphBuilder, roots: readonly number[], accessories: ReadonlySet<number>) {
  const graph = builder.build();
  const tree = buildTree([{ name: 'app' as RepositoryName, tagsCount: roots.length }]);
  const usage = measure(graph, tree, Int32Array.from(roots));
  const tagKinds = roots.map((root) => kindOfNode(graph, accessories, root) ?? null);
  return sumByKind(graph, usage.tagsReaching, accessories, tagKinds);
}

test('counts every blob for one kind: that of its manifest, and the image if it is shared', () => {
  const { builder, child, addImage } = openGraph();
  const image = addImage('image'); // 100, the config of 7, and a layer of 1000
  const attestation = child('attestation', true); // 100 and a layer of 1000; the config is the image's
  addImage('attestation');
  const index = builder.addManifest(digest('index'), 50, { kind: 'index', manifests: [child('image'), attestation] });
  const signature = addImage('signature');
  addImage('untagged');
  expect(kindsOf(builder, [image, index, signature, NO_ROOT], new Set([signature]))).toEqual([
    { kind: 'image', tagsCount: 1, bytes: 1107 },
    { kind: 'attestation', tagsCount: 0, bytes: 1100 },
    { kind: 'accessory', tagsCount: 1, bytes: 1100 },
    { kind: 'index', tagsCount: 1, bytes: 50 },
  ]);
});

test('on random registries, the kinds add up to all stored bytes and to all readable tags', () => {
  const property = fc.property(randomRegistry, fc.infiniteStream(fc.boolean()), (registry, choices) => {
    const { graph, roots, repositories } = registry;
    const usage = measure(graph, buildTree(repositories), roots);
    const known = [...roots].filter((root) => root !== NO_ROOT);
    const accessories = accessoryManifests(
      graph,
      known.map((root) => ({ root, isAccessory: choices.next().value })),
    );
    const tagKinds = [...roots].map((root) => kindOfNode(graph, accessories, root) ?? null);
    const kinds = sumByKind(graph, usage.tagsReaching, accessories, tagKinds);
    const sum = (key: 'bytes' | 'tagsCount') => kinds.reduce((total, one) => total + one[key], 0);
    expect(sum('bytes')).toBe(usage.deduplicatedBytes[REGISTRY_NODE]);
    expect(sum('tagsCount')).toBe(known.length);
  });
  fc.assert(property, { numRuns: 1000 });
});
