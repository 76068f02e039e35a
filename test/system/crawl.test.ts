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

/* Pushes every kind of content to a real registry, crawls it, and compares the figures with the files on the registry's disk. */

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

/** Converts figures to the names that the ground truth uses. */
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

test('the figures of the registry, every repository and every tag equal those computed from the disk', () => {
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

test('returns the same result with any number of concurrent requests', async () => {
  // The node numbers in `contents` depend on the order of the responses, and no client sees them.
  const seen = ({ contents: { graph }, ...snapshot }: Snapshot) => {
    const digests = [...graph.bytes.keys()].map(graph.digests.at).sort();
    const configs = digests.map((digest) => [digest, imageConfigAt(graph, graph.digests.nodeOf(digest) ?? -1)]);
    return { ...snapshot, configs };
  };
  expect(seen(await crawlOnce(1))).toEqual(seen(snapshot));
  expect(seen(await crawlOnce(64))).toEqual(seen(snapshot));
});

test('requests tokens only for pull, with one scope per repository, and for the catalogue', () => {
  const scopes = new Set(tokens.requests.flat());
  expect(scopes).toContain('registry:catalog:*');
  scopes.delete('registry:catalog:*');
  for (const scope of scopes) expect(scope).toMatch(/^repository:[^:*]+:pull$/);
});

describe('the figures', () => {
  test('show the full size for both tags of one digest, and the disk size for the first tag by name', () => {
    expect(tag('group/app', '1.1').sizeBytes).toBe(tag('group/app', 'latest').sizeBytes);
    expect(tag('group/app', '1.1').diskSizeBytes).toBeGreaterThan(0);
    expect(tag('group/app', 'latest').diskSizeBytes).toBe(0);
  });

  test('charge a base layer to the base image, also in another repository', () => {
    const base = tag('group/sub/project/image/nested', 'latest');
    expect(base.diskSizeBytes).toBe(base.sizeBytes);
  });

  test('add up all platforms of a manifest list or an OCI index, and count shared layers once', () => {
    const list = tag('group/multiarch', 'latest');
    const amd64 = tag('group/multiarch', 'amd64-only');
    expect((list.sizeBytes ?? 0) - (amd64.sizeBytes ?? 0)).toBeGreaterThan(10 * 1024);
    expect((list.sizeBytes ?? 0) - (amd64.sizeBytes ?? 0)).toBeLessThan(11 * 1024);
    expect(tag('group/oci-index', 'latest').status).toBe('ok');
  });

  test('contain the content of an inner index in its outer index', () => {
    expect(tag('group/nested-index', 'outer').sizeBytes).toBe(tag('group/nested-index', 'inner').sizeBytes);
    expect(tag('group/nested-index', 'inner').sizeBytes).toBeGreaterThan(0);
  });

  test('are 0 for an index without manifests', () => {
    expect(tag('group/nested-index', 'empty')).toMatchObject({ status: 'ok', sizeBytes: 0, diskSizeBytes: 0 });
  });

  test('contain the remaining platform of an index whose child was deleted, which is incomplete', () => {
    const sparse = tag('group/sparse-index', 'latest');
    expect(sparse.status).toBe('incomplete');
    expect(sparse.sizeBytes).toBeGreaterThan(300 * 1024);
    expect(repository('group/sparse-index').isComplete).toBe(false);
    expect(snapshot.gaps[0]?.reason).toMatch(/^not stored, or not readable: sha256:[a-f0-9]{64}$/);
    expect(snapshot.gaps.map(({ repository, reference }) => `${repository}:${reference}`)).toEqual([
      'group/sparse-index:latest',
    ]);
  });

  test('contain the layers that a build cache lists as manifests, which the crawl does not request as manifests', () => {
    expect(tag('group/build-cache', 'cache').sizeBytes).toBeGreaterThan(60 * 1024);
    expect(registry.output()).not.toMatch(/GET \/v2\/group\/build-cache\/manifests\/sha256/);
  });

  test('contain each schema 1 layer once, whose size the crawl requests once', () => {
    const heads = registry.output().match(/HEAD \/v2\/group\/schema1\/blobs\/sha256:\w+/g) ?? [];
    expect(new Set(heads).size).toBe(1);
    expect(tag('group/schema1', 'old').sizeBytes).toBeGreaterThan(309 * 1024);
    expect(tag('group/schema1', 'old').sizeBytes).toBeLessThan(311 * 1024);
  });

  test('contain a layer once that a manifest lists twice, and are 0 for an image without layers', () => {
    expect(tag('group/dup-layer', 'latest').sizeBytes).toBeLessThan(15 * 1024);
    expect(tag('group/zero', 'latest').sizeBytes).toBe(0);
    expect(tag('group/zero-length', 'latest')).toMatchObject({ status: 'ok', sizeBytes: 0 });
  });

  test('contain a foreign layer only if the registry stores it', () => {
    expect(tag('group/foreign', 'latest').sizeBytes).toBeLessThan(7 * 1024);
    expect(tag('group/foreign', 'latest').status).toBe('ok');
    expect(tag('group/foreign-stored', 'latest').sizeBytes).toBeGreaterThan(30 * 1024);
  });

  test('do not contain a foreign Docker layer that is not stored, whose image is complete', () => {
    expect(tag('group/docker-foreign', 'latest').sizeBytes).toBeLessThan(5 * 1024);
    expect(tag('group/docker-foreign', 'latest').status).toBe('ok');
  });

  test('contain sizes that the crawl requests, once per blob, if a manifest has none, a negative or a contradictory one', () => {
    const heads = (name: string) =>
      registry.output().match(new RegExp(`HEAD /v2/${name}/blobs/sha256:\\w+`, 'g')) ?? [];
    expect(new Set(heads('group/no-size')).size).toBe(3);
    expect(tag('group/no-size', 'latest').sizeBytes).toBeGreaterThan(16 * 1024);
    expect(tag('group/no-size', 'negative').sizeBytes).toBeGreaterThan(15 * 1024);
    expect(new Set(heads('group/wrong-size')).size).toBe(1);
    expect(tag('group/wrong-size', 'wrong').sizeBytes).toBeGreaterThan(13 * 1024);
    expect(tag('group/wrong-size', 'wrong').sizeBytes).toBe(tag('group/wrong-size', 'right').sizeBytes);
  });

  test('count a config as a layer for all its images if one manifest lists it as a layer', () => {
    const asLayer = tag('group/config-as-layer', 'as-layer').sizeBytes ?? 0;
    expect(tag('group/config-as-layer', 'as-config').sizeBytes).toBeGreaterThan(asLayer);
  });

  test('are two bytes for the empty descriptor as config and layer', () => {
    expect(tag('group/empty-descriptor', 'latest').sizeBytes).toBe(2);
  });

  test('contain a chart whose manifest has no media type, which is read by its Content-Type', () => {
    expect(tag('charts/helm-chart', '0.1.0').status).toBe('ok');
    expect(tag('charts/helm-chart', '0.1.0_build.5').diskSizeBytes).toBe(0);
  });

  test('are 0 for a repository whose tags were deleted', () => {
    expect(repository('group/empty')).toMatchObject({ sizeBytes: 0, diskSizeBytes: 0, isComplete: true, tags: [] });
  });

  test('contain only the current content of a tag that was moved', () => {
    expect(tag('group/moved', 'latest').sizeBytes).toBeLessThan(21 * 1024);
  });

  test('contain repositories whose names look like paths of the protocol', () => {
    for (const name of ['tags', 'a/tags/list', 'x/tags', 'x/tags/1.0', 'group/app/tags/1.0', 'group/project/tags']) {
      expect(tag(name, 'latest').sizeBytes, name).toBeGreaterThan(0);
    }
    expect(repository('group/odd').tags.map(({ name }) => name.length)).toContain(128);
  });
});

describe('the manifest of a tag', () => {
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
    // Their config is the empty descriptor. It counts as a layer because group/empty-descriptor lists it as one.
    ['group/artifact:latest', 'artifact:application/vnd.example.model.v1', [], 2],
    ['group/referred:orphan', 'accessory', [], 2],
  ])('%s has the kind %s, the platforms %j and %i layers', (reference, kind, platforms, layersCount) => {
    expect(manifest(reference)).toMatchObject({ kind, platforms, layersCount });
  });

  test('has the media type that the registry reports, and the digest of its content', () => {
    expect(manifest('group/multiarch:latest').mediaType).toBe(TYPES.dockerList);
    expect(manifest('group/schema1:old').mediaType).toBe(TYPES.dockerSchema1);
    expect(manifest('charts/helm-chart:0.1.0').mediaType).toBe(TYPES.ociManifest);
    expect(digestOf('group/app:1.1')).toBe(digestOf('group/app:latest'));
  });

  test('is as old as its youngest image, and a placeholder for a time is unknown', () => {
    expect(manifest('group/app:1.0').createdAt).toBe(CREATED_AT);
    expect(manifest('group/ages:age-0').createdAt).toBe(Date.UTC(2021, 1, 3, 4, 5, 6));
    expect(manifest('group/ages:age-2').createdAt).toBeNull();
    expect(manifest('group/ages:latest').createdAt).toBe(Date.UTC(2023, 3, 5, 4, 7, 8, 123));
    for (const timeless of ['group/schema1:old', 'charts/helm-chart:0.1.0', 'group/config-as-layer:as-config'])
      expect(manifest(timeless).createdAt, timeless).toBeNull();
  });

  test('has a subject if its tag is a referrers fallback or a signature, or if the manifest names one', () => {
    const referred = digestOf('group/referred:1.0');
    const fallback = manifest(`group/referred:${accessoryTag('group/referred:1.0')}`);
    expect(fallback).toMatchObject({ kind: 'accessory', subject: referred });
    const signature = manifest(`group/signed:${accessoryTag('group/signed:1.0', '.sig')}`);
    expect(signature).toMatchObject({ kind: 'accessory', subject: digestOf('group/signed:1.0') });
    expect(manifest('group/referred:orphan').subject).toBe(`sha256:${'cd'.repeat(32)}`);
    expect(manifest('group/referred:1.0')).toMatchObject({ kind: 'image', subject: undefined });
  });

  test('is an image without a subject if its tag only looks like a referrers fallback', () => {
    for (const name of ['1.0', `sha256-${'ef'.repeat(32)}`])
      expect(manifest(`group/signed:${name}`)).toMatchObject({ kind: 'image', subject: undefined });
  });

  test('has a kind, and all kinds add up to all stored bytes and all tags', () => {
    const sum = (key: 'bytes' | 'tagsCount') => snapshot.kinds.reduce((total, kind) => total + kind[key], 0);
    expect(sum('bytes')).toBe(snapshot.figures.deduplicatedBytes);
    expect(sum('tagsCount')).toBe(snapshot.figures.tagsCount);
    expect(snapshot.kinds.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['image', 'index', 'build-cache', 'attestation', 'accessory']),
    );
  });

  test('has no referrers if the registry does not support them, for which the crawl asks once', async () => {
    const asked = () => registry.output().match(/GET \/v2\/\S+\/referrers\//g)?.length ?? 0;
    const before = asked();
    await crawlOnce();
    expect(asked() - before).toBe(1);
  });
});
