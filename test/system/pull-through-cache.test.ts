import { afterEach, expect, test, vi } from 'vitest';
import { storedBlobs } from '../../lab/ground-truth.ts';
import { config, layer } from '../../lab/images.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import type { Digest, RepositoryName } from '../../src/domain/names.ts';
import type { DistributionOptions } from '../../src/registry/distribution.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { connect } from '../support/registry-client.ts';
import { snapshotTakerOptions } from '../support/take-snapshot.ts';

/* A real registry in proxy mode (`proxy: remoteurl`), which stores what is read through it from another real registry. */

const registries: LabRegistry[] = [];
const { signal } = new AbortController();
const VERSIONS = ['v1', 'v2', 'v3', 'v4', 'v5'];
const LAYERS = VERSIONS.flatMap((tag) => [layer(`${tag} a`, 900), layer(`${tag} b`, 500)]);
const app = 'library/app' as RepositoryName;

afterEach(async () => {
  for (const registry of registries.splice(0)) await registry.remove();
});

async function start(furtherYaml = ''): Promise<LabRegistry> {
  const registry = await startRegistry({ furtherYaml });
  registries.push(registry);
  return registry;
}

/** An upstream with five images, and a cache through which only one of them was pulled. */
async function startCache() {
  const upstream = await start();
  const pusher = createPusher(upstream);
  for (const tag of VERSIONS)
    await pusher.image(app, tag, { config: config(tag), layers: [layer(`${tag} a`, 900), layer(`${tag} b`, 500)] });
  const cache = await start(`proxy: {"remoteurl": "${upstream.url}"}\n`);
  const pulled = [config('v1'), layer('v1 a', 900), layer('v1 b', 500)];
  await fetch(`${cache.url}/v2/${app}/manifests/v1`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  });
  for (const { descriptor } of pulled)
    await (await fetch(`${cache.url}/v2/${app}/blobs/${descriptor.digest}`)).arrayBuffer();
  await vi.waitFor(() => expect(storedBlobs(cache.storageDirectory).size).toBe(4));
  return { upstream, cache };
}

/** How many of the layers are on the disk of the cache. */
function layersIn({ storageDirectory }: LabRegistry): number {
  const stored = storedBlobs(storageDirectory);
  return LAYERS.filter(({ descriptor }) => stored.has(descriptor.digest)).length;
}

function openTaker(registry: LabRegistry, options: Partial<DistributionOptions> = {}) {
  /** How many blobs the registry stored at the time of each warning. */
  const warnings: number[] = [];
  const client = connect(registry.url, options);
  const taker = createSnapshotTaker({
    ...snapshotTakerOptions(client, 4, createMemoryStore()),
    thoroughAfterMs: 0,
    report: {
      notLoaded: () => expect.unreachable(),
      notSaved: () => expect.unreachable(),
      pullsThrough: () => void warnings.push(storedBlobs(registry.storageDirectory).size),
    },
  });
  return { client, taker, warnings, crawl: () => taker.takeSnapshot(noProgress(), signal) };
}

test('warns before it reads the first manifest of a cache, and reports its figures as not verified', async () => {
  const { cache } = await startCache();
  const { taker, warnings, crawl } = openTaker(cache);
  expect(taker.isPullThroughCache()).toBe(false);
  for (let round = 1; round <= 3; round++) {
    const snapshot = await crawl();
    expect(snapshot.figures.isComplete).toBe(false);
    expect(snapshot.repositories).toMatchObject([{ name: app, isComplete: false }]);
    expect(snapshot.repositories[0]?.tags.map(({ status }) => status)).toEqual(Array(5).fill('ok'));
    expect(snapshot.gaps).toMatchObject([{ repository: null, code: 'unverified' }]);
    expect(taker.isPullThroughCache()).toBe(true);
    expect(warnings).toHaveLength(round);
  }
  // Only the manifest, the config and the layers that were pulled before: the crawl had not made the cache fetch anything.
  expect(warnings[0]).toBe(4);
});

test('makes a cache fetch no layer, in thorough crawls neither', async () => {
  const { cache } = await startCache();
  const { crawl } = openTaker(cache);
  for (let round = 0; round < 3; round++) await crawl();
  expect(layersIn(cache)).toBe(2);
  expect(cache.output()).not.toContain('"HEAD /v2/library/app/blobs/');
});

test('recognises a cache whose upstream does not answer', async () => {
  const { upstream, cache } = await startCache();
  await upstream.stop();
  const { client } = openTaker(cache);
  expect(await client.probePullThrough(app, signal)).toBe(true);
  expect(client.pullThrough()).toBe('yes');
});

test('sees by a response that the cache has fetched it', async () => {
  const { cache } = await startCache();
  const { client } = openTaker(cache);
  await client.imageConfig(app, config('v1').descriptor.digest as Digest, signal);
  expect(client.pullThrough()).toBe('unseen');
  await client.imageConfig(app, config('v2').descriptor.digest as Digest, signal);
  expect(client.pullThrough()).toBe('yes');
});

test('does not take an ordinary registry for a cache, and believes the configuration', async () => {
  const upstream = await start();
  await createPusher(upstream).image(app, 'v1', { config: config('v1'), layers: [layer('v1', 10)] });
  const ordinary = openTaker(upstream);
  expect((await ordinary.crawl()).figures.isComplete).toBe(true);
  expect(ordinary.warnings).toEqual([]);
  const configured = openTaker(upstream, { pullThroughCache: 'yes' });
  expect((await configured.crawl()).gaps).toMatchObject([{ code: 'unverified' }]);
  expect(configured.warnings).toHaveLength(1);
  const { cache } = await startCache();
  const denied = openTaker(cache, { pullThroughCache: 'no' });
  expect((await denied.crawl()).gaps).toEqual([]);
  expect(denied.taker.isPullThroughCache()).toBe(false);
});
