import { describe, expect, test } from 'vitest';
import type { Digest, RepositoryName, TagName } from '../../../src/domain/names.ts';
import type { StoredManifest } from '../../../src/ports.ts';
import type { Store } from '../../../src/store/store.ts';
import { DAY_MS } from '../../support/memory-store.ts';
import { crawlOf, digestOf, image } from '../../support/sample-registry-content.ts';
import { ENGINES } from './engines.ts';

function childrenOf({ manifest }: StoredManifest): readonly Digest[] {
  return manifest.kind === 'image' ? [manifest.config, ...manifest.layers].map(({ digest }) => digest) : [];
}

const STORED = { at: 1, bytes: 1, isOtherSize: false };

async function save({ snapshots }: Store, images: readonly StoredManifest[], occasion = 'crawl' as const) {
  const { snapshot, crawlResult } = crawlOf(images);
  await snapshots.save(snapshot, crawlResult, occasion);
}

describe.each(ENGINES.filter(({ prunes }) => prunes))('$name', ({ newPlace }) => {
  test('removes entries that no tag has reached for a month, and keeps those that a tag reached again in time', async () => {
    let now = 1_000 * DAY_MS;
    const store = await newPlace().open({ clock: () => now });
    const { crawlState, manifestCache } = store;
    const [used, gone, back] = [image('used'), image('gone'), image('back')];
    const all = [used, gone, back];
    for (const manifest of all) {
      await manifestCache.saveManifest(manifest);
      for (const blob of childrenOf(manifest)) {
        await manifestCache.saveImageConfig(blob, { createdAt: 1, platform: undefined });
        await manifestCache.saveBlobCheck(blob, STORED);
      }
    }
    const app = 'group/app' as RepositoryName;
    const pulls = all.map(({ digest: reference }) => ({ repository: app, reference, at: now }));
    await crawlState.savePulls([
      ...pulls,
      { repository: app, reference: '0' as TagName, at: now },
      { repository: app, reference: '9' as TagName, at: now },
      { repository: 'not/there' as RepositoryName, reference: used.digest, at: now },
    ]);
    const left = async (): Promise<unknown> => ({
      manifests: (await manifestCache.manifests(all.map(({ digest }) => digest))).size,
      configs: (await manifestCache.imageConfigs(all.flatMap(childrenOf))).size,
      blobs: (await manifestCache.blobChecks(all.flatMap(childrenOf))).size,
      pulls: (await crawlState.pulls(app)).size,
      strayPulls: (await crawlState.pulls('not/there' as RepositoryName)).size,
    });
    await save(store, [used]);
    now += 20 * DAY_MS;
    await save(store, [used, back]);
    now += 9 * DAY_MS;
    await save(store, [used]);
    expect(await left()).toEqual({ manifests: 3, configs: 6, blobs: 6, pulls: 5, strayPulls: 1 });
    now += 2 * DAY_MS;
    await save(store, [used]);
    expect(await left()).toEqual({ manifests: 2, configs: 4, blobs: 4, pulls: 2, strayPulls: 0 });
    expect([...(await manifestCache.manifests([back.digest])).keys()]).toEqual([back.digest]);
  });

  test('removes nothing while a crawl is unfinished, because the crawl may have used the entries', async () => {
    let now = 1_000 * DAY_MS;
    const store = await newPlace().open({ clock: () => now });
    const { crawlState, manifestCache } = store;
    const [used, back] = [image('used'), image('back')];
    for (const manifest of [used, back]) await manifestCache.saveManifest(manifest);
    const left = async () => (await manifestCache.manifests([back.digest])).size;
    await save(store, [used]);
    now += 31 * DAY_MS;
    await crawlState.begin({ startedAt: now, isThorough: false });
    await save(store, [used]);
    expect(await left()).toBe(1);
    await crawlState.finish(new Set(), { illegal: new Set() });
    await save(store, [used, back]);
    expect(await left()).toBe(1);
    now += 31 * DAY_MS;
    await save(store, [used]);
    expect(await left()).toBe(1);
    now += 31 * DAY_MS;
    await save(store, [used]);
    expect(await left()).toBe(0);
  });

  test('stops removing when a crawl begins, and continues with the next snapshot', async () => {
    let now = 1_000 * DAY_MS;
    const store = await newPlace().open({ clock: () => now });
    const { crawlState, manifestCache } = store;
    const many = Array.from({ length: 2_500 }, (_, i) => digestOf(`${i}`));
    for (const blob of many) await manifestCache.saveBlobCheck(blob, STORED);
    const left = async () => (await manifestCache.blobChecks(many)).size;
    await save(store, []);
    now += 31 * DAY_MS;
    const saving = save(store, []);
    while ((await manifestCache.blobChecks(many.slice(0, 1))).size > 0) await new Promise(setImmediate);
    await crawlState.begin({ startedAt: now, isThorough: false });
    const stayed = await left();
    await saving;
    expect(stayed).toBeGreaterThan(0);
    expect(await left()).toBe(stayed);
    await crawlState.abandon();
    await save(store, []);
    expect(await left()).toBe(0);
  });
});
