import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pushSampleContent } from '../../lab/content.ts';
import { readGroundTruth, type TrueFigures } from '../../lab/ground-truth.ts';
import { TYPES } from '../../lab/images.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { type LabTokenService, startTokenService } from '../../lab/token-service.ts';
import { imageConfigAt } from '../../src/domain/graph/blob-facts.ts';
import type {
  Figures,
  RepositoryUsage,
  Snapshot,
  TagFigures,
  TagManifest,
} from '../../src/domain/snapshot/snapshot.ts';
import { crawlLab } from '../support/crawl-lab.ts';

/* Every case of the domain, pushed for real into a real registry, crawled, and compared with the registry's own disk. */

let tokens: LabTokenService;
let registry: LabRegistry;
let snapshot: Snapshot;

beforeAll(async () => {
  tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  registry = await startRegistry({ tokens });
  await pushSampleContent(createPusher(registry, tokens));
  snapshot = await crawlOnce();
});

afterAll(async () => {
  await registry.remove();
  await tokens.stop();
});

const crawlOnce = (concurrency = 8): Promise<Snapshot> =>
  crawlLab({ registry, tokens }, { concurrency, clock: () => 7 });

function repository(name: string): RepositoryUsage {
  const found = snapshot.repositories.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} was not crawled`);
  return found;
}

function tag(repositoryName: string, name: string): TagFigures {
  const found = repository(repositoryName).tags.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${repositoryName}:${name} was not crawled`);
  return found;
}

/** As the twin names them. */
function asTruth(figures: Figures): TrueFigures {
  return {
    size: figures.sizeBytes,
    diskSize: figures.diskSizeBytes,
    deduplicated: figures.deduplicatedBytes,
    reclaimable: figures.reclaimableBytes,
    metadata: figures.metadataBytes,
    isIncomplete: !figures.isComplete,
  };
}

test('the registry, every repository and every tag have the figures that the disk tells', () => {
  const ours = snapshot.repositories.map(({ name, tags, ...figures }) => ({
    name,
    ...asTruth(figures),
    tags: tags.map(({ name, ...figures }) => ({ name, ...asTruth(figures) })),
  }));
  const { repositories, ...root } = readGroundTruth(registry.storageDirectory);
  expect(repositories.length).toBeGreaterThan(25);
  expect(ours).toEqual([...repositories].sort((a, b) => (a.name < b.name ? -1 : 1)));
  expect(asTruth(snapshot.figures)).toEqual(root);
});

test('how many requests are under way does not show in the result', async () => {
  // The numbers of the nodes in `contents` are those of the order of arrival, and known to nobody outside.
  const seen = ({ contents: { graph }, ...snapshot }: Snapshot) => {
    const digests = [...graph.bytes.keys()].map(graph.digests.at).sort();
    const configs = digests.map((digest) => [digest, imageConfigAt(graph, graph.digests.nodeOf(digest) ?? -1)]);
    return { ...snapshot, configs };
  };
  expect(seen(await crawlOnce(1))).toEqual(seen(snapshot));
  expect(seen(await crawlOnce(64))).toEqual(seen(snapshot));
});

test('only pull is asked for, and every repository but the catalogue by its own name', () => {
  const scopes = new Set(tokens.requests.flat());
  expect(scopes).toContain('registry:catalog:*');
  scopes.delete('registry:catalog:*');
  for (const scope of scopes) expect(scope).toMatch(/^repository:[^:*]+:pull$/);
});

describe('case by case', () => {
  test('one digest under two tags: the size in full for each, the disk size for the one of the smaller name', () => {
    expect(tag('group/app', '1.1').sizeBytes).toBe(tag('group/app', 'latest').sizeBytes);
    expect(tag('group/app', '1.1').diskSizeBytes).toBeGreaterThan(0);
    expect(tag('group/app', 'latest').diskSizeBytes).toBe(0);
  });

  test('the base image owns the base layer, in whatever repository', () => {
    const base = tag('group/sub/project/image/nested', 'latest');
    expect(base.diskSizeBytes).toBe(base.sizeBytes);
  });

  test('a manifest list and an OCI index count all their platforms, and shared layers once', () => {
    const list = tag('group/multiarch', 'latest');
    const amd64 = tag('group/multiarch', 'amd64-only');
    expect((list.sizeBytes ?? 0) - (amd64.sizeBytes ?? 0)).toBeGreaterThan(10 * 1024);
    expect((list.sizeBytes ?? 0) - (amd64.sizeBytes ?? 0)).toBeLessThan(11 * 1024);
    expect(tag('group/oci-index', 'latest').status).toBe('ok');
  });

  test('an index of an index reaches what its inner index reaches', () => {
    expect(tag('group/nested-index', 'outer').sizeBytes).toBe(tag('group/nested-index', 'inner').sizeBytes);
    expect(tag('group/nested-index', 'inner').sizeBytes).toBeGreaterThan(0);
  });

  test('an index without manifests is legal, and 0 bytes', () => {
    expect(tag('group/nested-index', 'empty')).toMatchObject({ status: 'ok', sizeBytes: 0, diskSizeBytes: 0 });
  });

  test('an index whose child was deleted is incomplete, with the platform that it has', () => {
    const sparse = tag('group/sparse-index', 'latest');
    expect(sparse.status).toBe('incomplete');
    expect(sparse.sizeBytes).toBeGreaterThan(300 * 1024);
    expect(repository('group/sparse-index').isComplete).toBe(false);
    expect(snapshot.gaps[0]?.reason).toMatch(/^not stored, or not readable: sha256:[a-f0-9]{64}$/);
    expect(snapshot.gaps.map(({ repository, reference }) => `${repository}:${reference}`)).toEqual([
      'group/sparse-index:latest',
    ]);
  });

  test('a build cache lists layers among its manifests: they count, and are never asked for as manifests', () => {
    expect(tag('group/build-cache', 'cache').sizeBytes).toBeGreaterThan(60 * 1024);
    expect(registry.output()).not.toMatch(/GET \/v2\/group\/build-cache\/manifests\/sha256/);
  });

  test('requests the size of each schema 1 layer once, and counts a layer that is named twice once', () => {
    const heads = registry.output().match(/HEAD \/v2\/group\/schema1\/blobs\/sha256:\w+/g) ?? [];
    expect(new Set(heads).size).toBe(1);
    expect(tag('group/schema1', 'old').sizeBytes).toBeGreaterThan(309 * 1024);
    expect(tag('group/schema1', 'old').sizeBytes).toBeLessThan(311 * 1024);
  });

  test('a layer named twice counts once, and no layers are 0 bytes', () => {
    expect(tag('group/dup-layer', 'latest').sizeBytes).toBeLessThan(15 * 1024);
    expect(tag('group/zero', 'latest').sizeBytes).toBe(0);
    expect(tag('group/zero-length', 'latest')).toMatchObject({ status: 'ok', sizeBytes: 0 });
  });

  test('a foreign layer counts only where the registry stores it', () => {
    expect(tag('group/foreign', 'latest').sizeBytes).toBeLessThan(7 * 1024);
    expect(tag('group/foreign', 'latest').status).toBe('ok');
    expect(tag('group/foreign-stored', 'latest').sizeBytes).toBeGreaterThan(30 * 1024);
  });

  test('a Docker layer that is kept elsewhere is no gap, and its image is what is stored', () => {
    expect(tag('group/docker-foreign', 'latest').sizeBytes).toBeLessThan(5 * 1024);
    expect(tag('group/docker-foreign', 'latest').status).toBe('ok');
  });

  test('sizes that are missing, negative or contradict each other are asked for, once for each blob', () => {
    const heads = (name: string) =>
      registry.output().match(new RegExp(`HEAD /v2/${name}/blobs/sha256:\\w+`, 'g')) ?? [];
    expect(new Set(heads('group/no-size')).size).toBe(3);
    expect(tag('group/no-size', 'latest').sizeBytes).toBeGreaterThan(16 * 1024);
    expect(tag('group/no-size', 'negative').sizeBytes).toBeGreaterThan(15 * 1024);
    expect(new Set(heads('group/wrong-size')).size).toBe(1);
    expect(tag('group/wrong-size', 'wrong').sizeBytes).toBeGreaterThan(13 * 1024);
    expect(tag('group/wrong-size', 'wrong').sizeBytes).toBe(tag('group/wrong-size', 'right').sizeBytes);
  });

  test('what is a layer in one manifest is a layer in all that reach it', () => {
    const asLayer = tag('group/config-as-layer', 'as-layer').sizeBytes ?? 0;
    expect(tag('group/config-as-layer', 'as-config').sizeBytes).toBeGreaterThan(asLayer);
  });

  test('the empty descriptor as config and layer at once is two bytes', () => {
    expect(tag('group/empty-descriptor', 'latest').sizeBytes).toBe(2);
  });

  test('a chart without a media type in its manifest is read by its Content-Type', () => {
    expect(tag('charts/helm-chart', '0.1.0').status).toBe('ok');
    expect(tag('charts/helm-chart', '0.1.0_build.5').diskSizeBytes).toBe(0);
  });

  test('a repository whose tags were deleted stays listed, with 0', () => {
    expect(repository('group/empty')).toMatchObject({ sizeBytes: 0, diskSizeBytes: 0, isComplete: true, tags: [] });
  });

  test('a tag that was moved counts what it points at now', () => {
    expect(tag('group/moved', 'latest').sizeBytes).toBeLessThan(21 * 1024);
  });

  test('repositories whose names look like paths of the protocol are repositories', () => {
    for (const name of ['tags', 'a/tags/list', 'x/tags', 'x/tags/1.0', 'group/app/tags/1.0', 'group/project/tags']) {
      expect(tag(name, 'latest').sizeBytes, name).toBeGreaterThan(0);
    }
    expect(repository('group/odd').tags.map(({ name }) => name.length)).toContain(128);
  });
});

describe('what a tag points at', () => {
  const CREATED_AT = Date.UTC(2024, 4, 6, 7, 8, 9);
  const manifest = (reference: string): TagManifest => {
    const [repository = '', name = ''] = reference.split(':');
    const found = tag(repository, name).manifest;
    if (found === null) throw new Error(`${reference} cannot be read`);
    return found;
  };
  const digestOf = (reference: string): string => manifest(reference).digest;
  const accessoryTag = (reference: string, suffix = ''): string => digestOf(reference).replace(':', '-') + suffix;

  test.each<[string, TagManifest['kind'], readonly string[], number]>([
    ['group/app:1.0', 'image', ['linux/amd64'], 3],
    ['group/dup-layer:latest', 'image', ['linux/amd64'], 1],
    ['group/zero:latest', 'image', ['linux/amd64'], 0],
    ['group/schema1:old', 'image', [], 2],
    ['group/multiarch:latest', 'index', ['linux/amd64', 'linux/arm64'], 3],
    ['group/oci-index:latest', 'index', ['linux/amd64', 'linux/arm64'], 4],
    ['group/nested-index:outer', 'index', ['linux/amd64', 'linux/arm64'], 3],
    ['group/nested-index:empty', 'index', [], 0],
    ['group/sparse-index:latest', 'index', ['linux/amd64', 'linux/arm64'], 2],
    ['group/same-twice:latest', 'index', ['linux/amd64', 'linux/arm64'], 1],
    ['group/build-cache:cache', 'build-cache', [], 1],
    ['group/build-cache:image-cache', 'build-cache', [], 1],
    ['charts/helm-chart:0.1.0', 'artifact:application/vnd.cncf.helm.config.v1+json', [], 1],
    // The empty descriptor is their config; a layer it is since group/empty-descriptor lists it as one.
    ['group/artifact:latest', 'artifact:application/vnd.example.model.v1', [], 2],
    ['group/referred:orphan', 'accessory', [], 2],
  ])('%s is of the kind %s, for %j, with %i layers', (reference, kind, platforms, layersCount) => {
    expect(manifest(reference)).toMatchObject({ kind, platforms, layersCount });
  });

  test('its media type is the registry’s word, and its digest the content’s', () => {
    expect(manifest('group/multiarch:latest').mediaType).toBe(TYPES.dockerList);
    expect(manifest('group/schema1:old').mediaType).toBe(TYPES.dockerSchema1);
    expect(manifest('charts/helm-chart:0.1.0').mediaType).toBe(TYPES.ociManifest);
    expect(digestOf('group/app:1.1')).toBe(digestOf('group/app:latest'));
  });

  test('it is as old as its youngest image, and a time that stands for none is unknown', () => {
    expect(manifest('group/app:1.0').createdAt).toBe(CREATED_AT);
    expect(manifest('group/ages:age-0').createdAt).toBe(Date.UTC(2021, 1, 3, 4, 5, 6));
    expect(manifest('group/ages:age-2').createdAt).toBeNull();
    expect(manifest('group/ages:latest').createdAt).toBe(Date.UTC(2023, 3, 5, 4, 7, 8, 123));
    for (const timeless of ['group/schema1:old', 'charts/helm-chart:0.1.0', 'group/config-as-layer:as-config'])
      expect(manifest(timeless).createdAt, timeless).toBeNull();
  });

  test('the fallback tag of referrers, a signature’s tag, and a manifest with a subject name what they belong to', () => {
    const referred = digestOf('group/referred:1.0');
    const fallback = manifest(`group/referred:${accessoryTag('group/referred:1.0')}`);
    expect(fallback).toMatchObject({ kind: 'accessory', subject: referred });
    const signature = manifest(`group/signed:${accessoryTag('group/signed:1.0', '.sig')}`);
    expect(signature).toMatchObject({ kind: 'accessory', subject: digestOf('group/signed:1.0') });
    expect(manifest('group/referred:orphan').subject).toBe(`sha256:${'cd'.repeat(32)}`);
    expect(manifest('group/referred:1.0')).toMatchObject({ kind: 'image', subject: undefined });
  });

  test('a tag that is only named after some hash is the image that it points at, and so is every other tag of that', () => {
    for (const name of ['1.0', `sha256-${'ef'.repeat(32)}`])
      expect(manifest(`group/signed:${name}`)).toMatchObject({ kind: 'image', subject: undefined });
  });

  test('the kinds add up to all that is stored, and to all tags', () => {
    const sum = (key: 'bytes' | 'tagsCount') => snapshot.kinds.reduce((total, kind) => total + kind[key], 0);
    expect(sum('bytes')).toBe(snapshot.figures.deduplicatedBytes);
    expect(sum('tagsCount')).toBe(snapshot.figures.tagsCount);
    expect(snapshot.kinds.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['image', 'index', 'build-cache', 'attestation', 'accessory']),
    );
  });

  test('a registry without a list of referrers is asked for it once in a crawl', async () => {
    const asked = () => registry.output().match(/GET \/v2\/\S+\/referrers\//g)?.length ?? 0;
    const before = asked();
    await crawlOnce();
    expect(asked() - before).toBe(1);
  });
});
