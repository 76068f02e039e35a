import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/domain/graph/graph-builder.ts';
import type { Descriptor } from '../../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import { byName, type Digest, type RepositoryName, type TagName } from '../../../src/domain/names.ts';
import { ENGINES, GARBAGE_COLLECTORS } from '../../../src/domain/usage/garbage-collector.ts';
import { findHazard } from '../../../src/domain/usage/hazard.ts';
import { measureTagSet } from '../../../src/domain/usage/tag-set.ts';
import { buildTree, REGISTRY_NODE } from '../../../src/domain/usage/tree.ts';
import type { Usage } from '../../../src/domain/usage/usage.ts';
import { measure } from '../../support/measure.ts';
import {
  afterDeletingTags,
  keptBytes,
  liveBytes,
  type NaiveManifest,
  type NaiveRepository,
  type NaiveStorage,
} from '../../support/naive-collector.ts';
import { config, digest, layer } from '../../support/sample-graph.ts';

/** Names whose paths are namespaces of each other. */
const REPOSITORIES = ['a', 'a/b', 'a/c', 'd'];

interface Model {
  readonly storage: NaiveStorage;
  /** Sorted by name, the tags too. */
  readonly registry: readonly NaiveRepository[];
}

/** Registries with images, indexes, and referrers with and without a tag: of images, of indexes, of other referrers, and of missing manifests. */
const models: fc.Arbitrary<Model> = fc
  .record({
    manifests: fc.array(
      fc.record({
        layers: fc.uniqueArray(fc.nat(6), { maxLength: 3 }),
        children: fc.uniqueArray(fc.nat(9), { maxLength: 3 }),
        isIndex: fc.boolean(),
        subject: fc.option(fc.nat(10)),
      }),
      { minLength: 1, maxLength: 9 },
    ),
    tags: fc.array(fc.tuple(fc.constantFrom(...REPOSITORIES), fc.nat(4), fc.nat(9)), { maxLength: 9 }),
    untagged: fc.array(fc.tuple(fc.constantFrom(...REPOSITORIES), fc.nat(9)), { maxLength: 6 }),
  })
  .map(({ manifests, tags, untagged }) => {
    const nameOf = (i: number): string => digest(`manifest ${i}`);
    const storage: NaiveStorage = {
      blobBytes: new Map([
        [config.digest, config.sizeBytes ?? 0],
        ...[0, 1, 2, 3, 4, 5, 6].map((i) => [digest(`layer ${i}`), 10 ** i] as const),
      ]),
      manifests: new Map(
        manifests.map(({ layers, children, isIndex, subject }, i): [string, NaiveManifest] => [
          nameOf(i),
          {
            bytes: 3_000_000 + i,
            manifests: isIndex ? children.filter((child) => child < i).map(nameOf) : [],
            blobs: isIndex ? [] : [config.digest, ...layers.map((one) => digest(`layer ${one}`))],
            // 10 is a manifest that the registry does not store.
            ...(subject !== null && (subject < i || subject === 10) && { subject: nameOf(subject) }),
          },
        ]),
      ),
    };
    const registry = REPOSITORIES.map((name): NaiveRepository => {
      const own = tags.filter(([repository, , pick]) => repository === name && pick < manifests.length);
      const named = new Map(own.map(([, tag, pick]) => [String(tag), nameOf(pick)]));
      return {
        name,
        tags: new Map([...named].sort(([a], [b]) => byName(a, b))),
        referrers: referrersIn(
          storage,
          [...named.values()],
          untagged.flatMap(([at, i]) => (at === name ? [nameOf(i)] : [])),
        ),
      };
    });
    return { storage, registry };
  });

/** Returns the referrers that a registry lists: those of stored manifests, and the referrers of those. */
function referrersIn({ manifests }: NaiveStorage, tagged: readonly string[], candidates: readonly string[]) {
  const stored = new Set<string>();
  const referrers = new Set<string>();
  const add = (one: string): void => {
    if (stored.has(one)) return;
    stored.add(one);
    for (const child of manifests.get(one)?.manifests ?? []) add(child);
  };
  for (const one of tagged) add(one);
  for (let before = -1; before !== stored.size + referrers.size; ) {
    before = stored.size + referrers.size;
    for (const one of [...candidates, ...tagged]) {
      const { subject } = manifests.get(one) ?? {};
      if (subject === undefined || !stored.has(subject) || !manifests.has(subject)) continue;
      referrers.add(one);
      add(one);
    }
  }
  return referrers;
}

/** Builds what the service knows of the model: everything that tags contain, that the registry lists as referrers, and the subjects of those. */
function graphOf({ storage }: Model) {
  const builder = new GraphBuilder();
  for (const [name, { bytes, manifests, blobs, subject }] of storage.manifests) {
    const children = manifests.map(
      (child): Descriptor => ({ mediaType: MANIFEST_TYPES.ociManifest, digest: child as Digest, sizeBytes: 1 }),
    );
    const named = subject === undefined ? {} : { subject: subject as Digest };
    const layers = blobs
      .slice(1)
      .map((one) => ({ ...layer('', 0), digest: one as Digest, sizeBytes: storage.blobBytes.get(one) }));
    builder.addManifest(
      name as Digest,
      bytes,
      blobs.length === 0
        ? { kind: 'index', manifests: children, ...named }
        : { kind: 'image', config, layers, ...named },
    );
  }
  return builder;
}

function measured(model: Model, engine: (typeof ENGINES)[number]) {
  const { registry, storage } = model;
  const builder = graphOf(model);
  const nodeOf = (name: string): number => builder.node(name as Digest);
  const tree = buildTree(registry.map(({ name, tags }) => ({ name: name as RepositoryName, tagsCount: tags.size })));
  const roots = Int32Array.from(registry.flatMap(({ tags }) => [...tags.values()].map(nodeOf)));
  const referrers = registry.map((repository) =>
    [...repository.referrers].map((one) => ({
      subject: nodeOf(storage.manifests.get(one)?.subject ?? ''),
      referrer: nodeOf(one),
    })),
  );
  const graph = builder.build();
  const usage = measure(graph, tree, roots, { collector: GARBAGE_COLLECTORS[engine], referrers });
  return { graph, tree, roots, usage };
}

const sum = (blobs: ReadonlyMap<string, number>): number => [...blobs.values()].reduce((a, b) => a + b, 0);

function union(...all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  return new Map(all.flatMap((one) => [...one]));
}

describe('a signature with a tag of its own', () => {
  /** Two tags of one repository: an image, and a signature whose subject it is. The layers make 5,004 and 459 bytes. */
  function figures(engine: (typeof ENGINES)[number]) {
    const builder = new GraphBuilder();
    const image = builder.addManifest(digest('image'), 493, { kind: 'image', config, layers: [layer('a', 5004)] });
    const signature = builder.addManifest(digest('signature'), 500, {
      kind: 'image',
      config: { ...config, digest: digest('its config') },
      layers: [layer('b', 459)],
      subject: digest('image'),
    });
    const tree = buildTree([{ name: 'app' as RepositoryName, tagsCount: 2 }]);
    const roots = Int32Array.from([image, signature]);
    const referrers = [[{ subject: image, referrer: signature }]];
    const usage = measure(builder.build(), tree, roots, { collector: GARBAGE_COLLECTORS[engine], referrers });
    const [ofImage = 0, ofSignature = 0] = tree.nodeOfTag;
    const at = (bytes: Float64Array) => [bytes[ofImage], bytes[ofSignature], bytes[REGISTRY_NODE]];
    return { reclaimable: at(usage.reclaimableBytes), kept: at(usage.deduplicatedBytes), size: at(usage.sizeBytes) };
  }

  test.each([
    { engine: 'distribution-3', reclaimable: [5504, 966, 6470], kept: [5504, 966, 6470] },
    { engine: 'gitlab-filesystem', reclaimable: [5504, 966, 6470], kept: [5504, 966, 6470] },
    { engine: 'gitlab-database', reclaimable: [0, 966, 6470], kept: [5504, 6470, 6470] },
    { engine: 'zot', reclaimable: [5504, 966, 6470], kept: [5504, 966, 6470] },
    { engine: 'zot-delete-referrers', reclaimable: [6470, 966, 6470], kept: [6470, 966, 6470] },
    { engine: 'harbor', reclaimable: [5504, 0, 6470], kept: [6470, 966, 6470] },
  ] as const)('is counted as $engine deletes it', ({ engine, reclaimable, kept }) => {
    expect(figures(engine)).toEqual({ reclaimable, kept, size: [5004, 459, 5463] });
  });
});

describe('the hazard of a garbage collector', () => {
  /** `outer` contains `inner`, which contains two images; one of them has a tag too. */
  function hazardOf(engine: (typeof ENGINES)[number]) {
    const builder = new GraphBuilder();
    const index = (name: string, ...children: string[]) =>
      builder.addManifest(digest(name), 1, {
        kind: 'index',
        manifests: children.map((one) => ({ mediaType: MANIFEST_TYPES.ociIndex, digest: digest(one), sizeBytes: 1 })),
      });
    const amd64 = builder.addManifest(digest('amd64'), 1, { kind: 'image', config, layers: [] });
    builder.addManifest(digest('arm64'), 1, { kind: 'image', config, layers: [] });
    index('inner', 'amd64', 'arm64');
    const tags = [
      { name: 'amd64' as TagName, root: amd64 },
      { name: 'outer' as TagName, root: index('outer', 'inner') },
      { name: 'broken' as TagName, root: undefined },
    ];
    const repositories = [{ name: 'app' as RepositoryName, tags }];
    return findHazard(builder.build(), repositories, GARBAGE_COLLECTORS[engine]);
  }

  const example = { repository: 'app', tag: 'outer', digest: digest('outer') };

  test('with Distribution 2, are the manifests without a tag in tagged indexes', () => {
    expect(hazardOf('distribution-2')).toEqual({
      destroys: 'untagged children of indexes',
      tagsCount: 1,
      manifestsCount: 2,
      examples: [{ ...example, manifestsCount: 2 }],
    });
  });

  test('with GitLab on a file system, are those more than one level below a tag', () => {
    expect(hazardOf('gitlab-filesystem')).toMatchObject({
      manifestsCount: 1,
      examples: [{ ...example, manifestsCount: 1 }],
    });
  });

  test('with every other one, is none', () => {
    expect(hazardOf('distribution-3')).toBeUndefined();
    expect(hazardOf('gitlab-database')).toBeUndefined();
  });
});

describe.each(ENGINES)('on random registries, with %s', (engine) => {
  test('the figures of every node are what a deletion and a garbage collection free', () => {
    const property = fc.property(models, (model) => {
      const { storage, registry } = model;
      const { tree, usage } = measured(model, engine);
      const all = sum(liveBytes(storage, registry, engine));
      const expectNode = (node: number, reclaimable: number, kept: ReadonlyMap<string, number>) => {
        const database = sum(new Map([...kept].filter(([one]) => storage.manifests.has(one))));
        expect(figuresAt(usage, node)).toEqual({
          reclaimable,
          deduplicated: sum(kept),
          database: engine === 'gitlab-database' ? database : 0,
        });
      };
      const expectRepositories = (node: number, isInside: (name: string) => boolean) => {
        const inside = registry.filter(({ name }) => isInside(name));
        const left = liveBytes(
          storage,
          registry.filter(({ name }) => !isInside(name)),
          engine,
        );
        expectNode(node, all - sum(left), liveBytes(storage, inside, engine));
      };
      expectRepositories(REGISTRY_NODE, () => true);
      for (const { path, node } of tree.namespaces)
        expectRepositories(node, (name) => name === path || name.startsWith(`${path}/`));
      let position = 0;
      for (const [place, repository] of registry.entries()) {
        expectRepositories(tree.nodeOfRepository[place] ?? -1, (name) => name === repository.name);
        for (const tag of repository.tags.keys()) {
          const left = afterDeletingTags(
            storage,
            registry,
            engine,
            (name, one) => name === repository.name && one === tag,
          );
          const tagsLeft = left[place]?.tags;
          expectNode(
            tree.nodeOfTag[position++] ?? -1,
            all - sum(liveBytes(storage, left, engine)),
            keptBytes(storage, repository, engine, (one) => tagsLeft?.has(one) === false),
          );
        }
      }
    });
    fc.assert(property, { numRuns: 400 });
  });

  test('the figures of any set of tags are what a deletion and a garbage collection free', () => {
    const property = fc.property(models, fc.infiniteStream(fc.boolean()), (model, choices) => {
      const { storage, registry } = model;
      const { graph, roots, usage } = measured(model, engine);
      const tags = registry.flatMap(({ name, tags }) => [...tags.keys()].map((tag) => `${name}:${tag}`));
      const chosen = tags.filter(() => choices.next().value);
      const left = afterDeletingTags(storage, registry, engine, (name, tag) => chosen.includes(`${name}:${tag}`));
      const kept = union(
        ...registry.map((repository, place) =>
          keptBytes(storage, repository, engine, (tag) => left[place]?.tags.has(tag) === false),
        ),
      );
      const positions = chosen.map((tag) => tags.indexOf(tag));
      expect(measureTagSet(graph, roots, usage, positions)).toMatchObject({
        deduplicatedBytes: sum(kept),
        reclaimableBytes: sum(liveBytes(storage, registry, engine)) - sum(liveBytes(storage, left, engine)),
      });
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('disk size and metadata add up to the deduplicated bytes, and nothing is freed that is not counted', () => {
    const property = fc.property(models, (model) => {
      const { usage } = measured(model, engine);
      const at = (bytes: Float64Array) => bytes[REGISTRY_NODE] ?? -1;
      expect(at(usage.diskSizeBytes) + at(usage.metadataBytes)).toBe(at(usage.deduplicatedBytes));
      expect(at(usage.reclaimableBytes)).toBe(at(usage.deduplicatedBytes));
      for (const [node, bytes] of usage.reclaimableBytes.entries())
        expect(bytes).toBeLessThanOrEqual(usage.deduplicatedBytes[node] ?? 0);
    });
    fc.assert(property, { numRuns: 200 });
  });
});

function figuresAt(usage: Usage, node: number) {
  return {
    reclaimable: usage.reclaimableBytes[node],
    deduplicated: usage.deduplicatedBytes[node],
    database: usage.databaseBytes[node],
  };
}
