import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pushSampleContent } from '../../lab/content.ts';
import { pushDeletionContent } from '../../lab/deletion-content.ts';
import { storedBlobs } from '../../lab/ground-truth.ts';
import { TYPES } from '../../lab/images.ts';
import { createPusher, type Pusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { isReadManifest } from '../../src/domain/graph/blob-facts.ts';
import { blobsOf } from '../../src/domain/graph/reachable-blobs.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { measureTagSet } from '../../src/domain/usage/tag-set.ts';
import { crawlLab } from '../support/crawl-lab.ts';

/* Compares the reclaimable bytes with the garbage collection of a real registry: each test copies the storage, deletes some tags from the copy
 * through the registry's API, collects the garbage, and compares the copy with one whose garbage was collected without a deletion.
 *
 * Every child of an index in this content has a tag of its own: `garbage-collect -m` of Distribution 2.8 deletes untagged children although an
 * index needs them. That is a defect of the registry, which the reclaimable bytes do not imitate. */

let original: LabRegistry;
let snapshot: Snapshot;
let collected: ReadonlyMap<string, number>;

beforeAll(async () => {
  original = await startRegistry();
  await pushDeletionContent(createPusher(original));
  snapshot = await crawlLab({ registry: original });
  collected = await storedAfter(async () => {});
});

afterAll(async () => {
  await original.remove();
});

/** Returns the blobs in a copy of the storage after this deletion and a garbage collection. */
async function storedAfter(deletion: (pusher: Pusher) => Promise<void>): Promise<ReadonlyMap<string, number>> {
  const copy = await startRegistry({ copyOf: original.storageDirectory });
  try {
    await deletion(createPusher(copy));
    await copy.collectGarbage();
    return storedBlobs(copy.storageDirectory);
  } finally {
    await copy.remove();
  }
}

const sum = (blobs: ReadonlyMap<string, number>): number => [...blobs.values()].reduce((a, b) => a + b, 0);

interface Tag {
  readonly repository: string;
  readonly name: string;
  readonly digest: string | undefined;
  readonly reclaimableBytes: number | null;
}

/** Every tag of the registry, at its position. */
function allTags(): readonly Tag[] {
  return snapshot.repositories.flatMap(({ name: repository, tags }) =>
    tags.map(({ name, manifest, reclaimableBytes }) => ({
      repository,
      name,
      digest: manifest?.digest,
      reclaimableBytes,
    })),
  );
}

/** Which tags to delete, and the reclaimable bytes that the snapshot shows for them. */
interface Deletion {
  readonly has: (tag: Tag) => boolean;
  readonly reclaimable: () => number | null | undefined;
}

function tags(...references: readonly string[]): Deletion {
  const has = ({ repository, name }: Tag): boolean => references.includes(`${repository}:${name}`);
  if (references.length === 1) return { has, reclaimable: () => allTags().find(has)?.reclaimableBytes };
  return { has, reclaimable: () => figuresOfSet(has).reclaimableBytes };
}

function repository(path: string): Deletion {
  const reclaimable = () => snapshot.repositories.find(({ name }) => name === path)?.reclaimableBytes;
  return { has: (tag) => tag.repository === path, reclaimable };
}

function namespace(path: string): Deletion {
  const has = (tag: Tag): boolean => tag.repository === path || tag.repository.startsWith(`${path}/`);
  return { has, reclaimable: () => snapshot.namespaces.find((one) => one.path === path)?.reclaimableBytes };
}

const wholeRegistry: Deletion = { has: () => true, reclaimable: () => snapshot.figures.reclaimableBytes };

const signatures: Deletion = {
  has: ({ name }) => name.endsWith('.sig'),
  reclaimable: () => allTags().find(({ name }) => name.endsWith('.sig'))?.reclaimableBytes,
};

function figuresOfSet(has: (tag: Tag) => boolean) {
  const { graph, roots, usage } = snapshot.contents;
  const chosen = [...allTags().entries()].filter(([, tag]) => has(tag)).map(([position]) => position);
  return measureTagSet(graph, roots, usage, chosen);
}

/** Deletes tags as an operator would: the manifest if all of its tags are deleted, otherwise only the tag. */
async function deleteTags(pusher: Pusher, { has }: Deletion): Promise<void> {
  const deleted = new Set<string>();
  for (const { repository, name, digest = '' } of allTags().filter(has)) {
    const isSame = (tag: Tag): boolean => tag.repository === repository && tag.digest === digest;
    const manifest = `${repository}@${digest}`;
    if (!allTags().filter(isSame).every(has)) await pusher.deleteTag(repository, name);
    else if (!deleted.has(manifest)) await pusher.deleteManifest(repository, digest);
    deleted.add(manifest);
  }
}

test('the bytes of the registry equal its storage after a garbage collection', () => {
  const { deduplicatedBytes, reclaimableBytes, diskSizeBytes, metadataBytes, isComplete } = snapshot.figures;
  expect(isComplete).toBe(true);
  expect(deduplicatedBytes).toBe(sum(collected));
  expect(reclaimableBytes).toBe(sum(collected));
  expect((diskSizeBytes ?? 0) + (metadataBytes ?? 0)).toBe(sum(collected));
  const disk = snapshot.repositories.flatMap(({ tags }) => tags.map(({ diskSizeBytes }) => diskSizeBytes ?? 0));
  expect(disk.reduce((a, b) => a + b, 0)).toBe(diskSizeBytes);
});

test('the reached blobs and their sizes equal the stored blobs after a garbage collection', () => {
  const { graph, usage } = snapshot.contents;
  const ours = [...graph.bytes].flatMap((bytes, node): [string, number][] => {
    // A foreign layer that is not stored has 0 bytes, and is not on the disk.
    const isStored = (usage.tagsReaching[node] ?? 0) > 0 && bytes > 0;
    return isStored ? [[graph.digests.at(node), bytes]] : [];
  });
  expect(new Map(ours.sort())).toEqual(new Map([...collected].sort()));
});

test('counts a schema 1 manifest as it is stored, without the signatures that the registry adds to its response', async () => {
  const { digest = '' } = allTags().find(({ repository }) => repository === 'team/old') ?? {};
  const answer = await fetch(`${original.url}/v2/team/old/manifests/${digest}`, {
    headers: { accept: TYPES.dockerSchema1 },
  });
  const sentBytes = (await answer.arrayBuffer()).byteLength;
  const { graph } = snapshot.contents;
  expect(graph.bytes[graph.digests.nodeOf(digest) ?? -1]).toBe(collected.get(digest));
  expect(collected.get(digest)).toBeLessThan(sentBytes);
});

test('ignores garbage that no tag reaches', () => {
  expect(sum(storedBlobs(original.storageDirectory)) - sum(collected)).toBeGreaterThan((17 + 17 + 19) * 1024);
});

/** Without `base`, `tool` and `mirrored`, whose layers other repositories also contain. */
const TEAM_KIB = 30 + 5 + 8 + 9 + 10 + 20 + 6 + 7 + 14 + 13 + 2 + 17;

// `layersKib` is the size of the pushed layers that no other tag reaches; configs and manifests are added to it.
test.each<{ what: string; of: Deletion; layersKib: number; isNothing?: true }>([
  { what: 'a tag', of: tags('team/app:1.0'), layersKib: 8 },
  { what: 'one of two tags with one digest', of: tags('team/app:1.1'), layersKib: 0, isNothing: true },
  { what: 'the other of them', of: tags('team/app:latest'), layersKib: 0, isNothing: true },
  { what: 'both of them', of: tags('team/app:1.1', 'team/app:latest'), layersKib: 9 },
  { what: 'a signature', of: signatures, layersKib: 0 },
  { what: 'a base image that others build on', of: tags('base:1'), layersKib: 0 },
  { what: 'an index with tagged children', of: tags('team/platforms:1'), layersKib: 0 },
  {
    what: 'an index and its children’s tags',
    of: tags('team/platforms:1', 'team/platforms:1-amd64', 'team/platforms:1-arm64'),
    layersKib: 20 + 6 + 7,
  },
  { what: 'an index around an index', of: tags('team/nested:outer'), layersKib: 0 },
  {
    what: 'an index, its index, and its image',
    of: tags('team/nested:outer', 'team/nested:inner', 'team/nested:image'),
    layersKib: 14,
  },
  { what: 'an artifact', of: tags('charts/chart:0.1.0'), layersKib: 3 },
  { what: 'a schema 1 image', of: tags('team/old:1'), layersKib: 10 },
  { what: 'a build cache', of: tags('team/cache:cache'), layersKib: 13 },
  { what: 'an image with a foreign layer', of: tags('team/windows:1'), layersKib: 2 },
  { what: 'a tag sharing layers across repositories', of: tags('elsewhere/tool:1'), layersKib: 3 },
  {
    what: 'tags of two repositories',
    of: tags('team/sub/tool:1', 'elsewhere/tool:1'),
    layersKib: 12 + 3,
  },
  { what: 'one of two repositories of one digest', of: repository('team/mirrored'), layersKib: 0, isNothing: true },
  {
    what: 'that digest in both repositories',
    of: tags('team/mirrored:1', 'mirror/mirrored:1'),
    layersKib: 11,
  },
  { what: 'a repository', of: repository('team/app'), layersKib: 8 + 9 },
  { what: 'a repository that is a namespace too', of: repository('team'), layersKib: 5 },
  { what: 'a namespace', of: namespace('team'), layersKib: TEAM_KIB },
  { what: 'the whole registry', of: wholeRegistry, layersKib: TEAM_KIB + 60 + 12 + 3 + 11 + 3 + 4 },
])('deleting $what frees exactly its reclaimable bytes', async ({ of, layersKib, isNothing = false }) => {
  const left = await storedAfter((pusher) => deleteTags(pusher, of));
  const shrunkBytes = sum(collected) - sum(left);
  expect(of.reclaimable()).toBe(shrunkBytes);
  expect(figuresOfSet(of.has).reclaimableBytes).toBe(shrunkBytes);
  expect(shrunkBytes === 0).toBe(isNothing);
  // The layers are counted by hand too, so that the test does not depend on computed figures alone. They do not compress, and configs and
  // manifests are small.
  expect(shrunkBytes).toBeGreaterThanOrEqual(layersKib * 1024);
  expect(shrunkBytes).toBeLessThan(layersKib * 1024 + 20 * 1024);
});

/** The indexes that contain the image of a tag. They are deleted together with it, because they would be incomplete without it (see above). */
const AROUND: Readonly<Record<string, readonly string[]>> = {
  'team/platforms:1-amd64': ['team/platforms:1'],
  'team/platforms:1-arm64': ['team/platforms:1'],
  'team/nested:inner': ['team/nested:outer'],
  'team/nested:image': ['team/nested:inner', 'team/nested:outer'],
};

test('deleting any set of tags frees exactly its reclaimable bytes', async () => {
  const references = allTags().map(({ repository, name }) => `${repository}:${name}`);
  for (const sample of fc.sample(fc.subarray(references), { numRuns: 4, seed: 3 })) {
    const of = tags(...sample, ...sample.flatMap((reference) => AROUND[reference] ?? []));
    const left = await storedAfter((pusher) => deleteTags(pusher, of));
    expect(figuresOfSet(of.has).reclaimableBytes, sample.join(' ')).toBe(sum(collected) - sum(left));
  }
});

test('reports as a hazard exactly the manifests of tags that the garbage collection destroys', async () => {
  const registry = await startRegistry();
  try {
    await pushSampleContent(createPusher(registry));
    const { garbageCollector, hazard, repositories, contents } = await crawlLab({ registry });
    expect(garbageCollector.engine).toBe('distribution-2');
    await registry.collectGarbage();
    const { graph, usage } = contents;
    const destroyed = new Set<string>();
    const indexes: string[] = [];
    let position = 0;
    for (const { name, tags } of repositories) {
      for (const tag of tags) {
        const number = usage.kept.ofTag[position++] ?? -1;
        const manifests =
          number === -1 ? [] : [...blobsOf(usage.kept, number)].filter((node) => isReadManifest(graph, node));
        const lost = manifests.map(graph.digests.at).filter((digest) => !isLinked(registry, name, digest));
        for (const digest of lost) destroyed.add(`${name}@${digest}`);
        if (lost.length > 0) indexes.push(`${name}:${tag.name} ${lost.length}`);
      }
    }
    expect(destroyed.size).toBeGreaterThan(5);
    expect(hazard).toMatchObject({ manifestsCount: destroyed.size, tagsCount: indexes.length });
    const examples = hazard?.examples.map(
      ({ repository, tag, manifestsCount }) => `${repository}:${tag} ${manifestsCount}`,
    );
    expect(examples).toEqual(indexes);
  } finally {
    await registry.remove();
  }
});

/** Returns whether the repository still holds a manifest. */
function isLinked({ storageDirectory }: LabRegistry, repository: string, digest: string): boolean {
  const path = `docker/registry/v2/repositories/${repository}/_manifests/revisions/${digest.replace(':', '/')}/link`;
  return existsSync(join(storageDirectory, path));
}
