import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { pushSampleContent } from '../../lab/content.ts';
import { storedBlobs } from '../../lab/ground-truth.ts';
import { config, layer } from '../../lab/images.ts';
import { createPusher, type Pusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { makeDirectory } from '../../lab/temporary.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { openStore } from '../../src/store/sqlite/open-store.ts';
import { contentOf } from '../support/crawl-sample.ts';
import { RETENTION } from '../support/memory-store.ts';
import { connect } from '../support/registry-client.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../support/take-snapshot.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Blobs that vanish from the disk of a real registry, and what a thorough crawl asks it for. */

let registry: LabRegistry;

afterEach(() => registry.remove());

async function fill(): Promise<Pusher> {
  registry = await startRegistry();
  const pusher = createPusher(registry);
  const base = layer('base', 2000);
  for (const name of ['a', 'b', 'c'])
    await pusher.image(`team/${name}`, 'v1', { config: config(name), layers: [base, layer(name, 100)] });
  return pusher;
}

/** Takes a snapshot with a service that has just started with that store, and returns it with the requests for blobs that the registry has logged. */
async function crawl(file: string, verifyBlobsPerCrawl: number) {
  const before = registry.output().length;
  const store = openStore({ file, registryUrl: registry.url, retention: RETENTION, clock: Date.now });
  const taker = createSnapshotTaker({
    ...snapshotTakerOptions(connect(registry.url), 4, store),
    verifyBlobsPerCrawl,
    thoroughAfterMs: 0,
  });
  await taker.load();
  const snapshot = await takeWholeSnapshot(taker, new AbortController().signal);
  store.close();
  const log = (await loggedOutput()).slice(before);
  const requests = [...log.matchAll(/"(GET|HEAD) (\S+)\/blobs\/(\S+) HTTP[^"]*" (\d+)/g)];
  return { snapshot, requests: requests.map(([, method, , digest, status]) => ({ method, digest, status })) };
}

/** Returns the log of the registry once it contains every request that was answered. */
async function loggedOutput(): Promise<string> {
  const mark = `/v2/?mark=${registry.output().length}`;
  await fetch(`${registry.url}${mark}`);
  await vi.waitFor(() => expect(registry.output()).toContain(mark));
  return registry.output();
}

const digestsOf = (requests: readonly { readonly digest: string | undefined }[]) =>
  requests.map(({ digest }) => digest);
const statuses = ({ repositories }: Snapshot) => repositories.map(({ tags }) => tags[0]?.status);
const bytesOf = (snapshot: Snapshot) => snapshot.figures.deduplicatedBytes;
const onDisk = () => [...storedBlobs(registry.storageDirectory).values()].reduce((a, b) => a + b, 0);

test('finds a layer that is lost from the disk with the next thorough crawl, and finds it again after a push', async () => {
  const file = join(makeDirectory('lost-blobs'), 'store.db');
  const pusher = await fill();
  const whole = await crawl(file, 100);
  expect(whole.snapshot.figures.isComplete).toBe(true);
  const { digest } = layer('a', 100).descriptor;
  const hex = digest.slice('sha256:'.length);
  await rm(join(registry.storageDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex), {
    recursive: true,
  });
  const { snapshot, requests } = await crawl(file, 100);
  expect(statuses(snapshot)).toEqual(['incomplete', 'ok', 'ok']);
  expect(snapshot.gaps).toMatchObject([{ repository: 'team/a', reference: 'v1', code: 'missing' }]);
  expect(snapshot.gaps[0]?.reason).toContain(digest);
  expect(bytesOf(snapshot)).toBe(onDisk());
  expect(requests.filter((one) => one.digest === digest)).toEqual([
    { method: 'HEAD', digest, status: '404' },
    { method: 'GET', digest, status: '404' },
  ]);
  await pusher.blob('team/a', layer('a', 100));
  const again = await crawl(file, 100);
  expect(again.snapshot.repositories).toEqual(whole.snapshot.repositories);
  expect(bytesOf(again.snapshot)).toBe(onDisk());
});

test('finds no fault in content of every format that is stored as its manifests state', async () => {
  const file = join(makeDirectory('lost-blobs'), 'store.db');
  registry = await startRegistry();
  await pushSampleContent(createPusher(registry));
  const first = await crawl(file, 10_000);
  const second = await crawl(file, 10_000);
  expect(contentOf(second.snapshot)).toEqual(contentOf(first.snapshot));
  expect(second.requests.length).toBeGreaterThan(100);
});

test('sends one HEAD for each blob, as many as are allowed, and continues with the oldest checks after a restart', async () => {
  const file = join(makeDirectory('lost-blobs'), 'store.db');
  await fill();
  // Three configs, three layers, and the layer that all images share.
  const blobs = ['a', 'b', 'c'].flatMap((name) => [config(name), layer(name, 100)]);
  const all = [...blobs, layer('base', 2000)].map(({ descriptor }) => descriptor.digest).sort();
  expect((await crawl(file, 3)).requests.every(({ method }) => method === 'GET')).toBe(true);
  const rounds = [await crawl(file, 3), await crawl(file, 3), await crawl(file, 3)];
  for (const { requests } of rounds)
    expect(requests.map(({ method, status }) => `${method} ${status}`)).toEqual(Array(3).fill('HEAD 200'));
  const [first, second, third] = rounds.map(({ requests }) => digestsOf(requests));
  expect([...(first ?? []), ...(second ?? [])].sort()).toEqual(all.slice(0, 6));
  expect(third).toContain(all[6]);
  expect((await crawl(file, 0)).requests).toEqual([]);
  expect(new Set(digestsOf((await crawl(file, 100)).requests)).size).toBe(all.length);
});
