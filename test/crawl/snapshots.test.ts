import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { EmptyRegistryError } from '../../src/crawl/empty-guard.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { SnapshotStore } from '../../src/ports.ts';
import { contentOf, firstContentOf, names, openSample } from '../support/crawl-sample.ts';
import { digestOf, Failure, image, storedManifest } from '../support/toy-registry.ts';

/* How snapshots are loaded, saved, and updated after notifications. */

const { signal } = new AbortController();

test('does not show the records of a rejected crawl after a notification', async () => {
  const { registry, snapshots, options, takeSnapshot } = openSample({}, { emptyGuard: 0.5 });
  const first = await takeSnapshot();
  registry.content.get('group/app')?.clear();
  await expect(takeSnapshot()).rejects.toThrow(EmptyRegistryError);
  const restarted = createSnapshotTaker(options);
  await restarted.load();
  registry.push('group/tools', '2.0', image('c'));
  const updated = await restarted.updateSnapshot(names('group/tools'), signal);
  expect(updated.repositories.map(({ name, tags }) => [name, tags.length])).toEqual([
    ['group/app', 2],
    ['group/tools', 2],
  ]);
  expect(snapshots.latest()).toBe(first);
});

test('does not show the records of the current crawl after a notification', async () => {
  let isHeld = false;
  let release = (): void => undefined;
  const { registry, snapshots, takeSnapshot } = openSample(
    {
      async *repositories() {
        yield 'group/app' as RepositoryName;
        if (isHeld)
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        yield 'group/tools' as RepositoryName;
      },
    },
    { emptyGuard: 0.6 },
  );
  const first = await takeSnapshot();
  registry.content.get('group/app')?.clear();
  isHeld = true;
  registry.takeRequests();
  const crawling = takeSnapshot();
  while (!registry.requests.includes('tags group/app')) await turn();
  await turn();
  registry.push('group/tools', '2.0', image('c'));
  const updated = await snapshots.updateSnapshot(names('group/tools'), signal);
  expect(updated.figures.tagsCount).toBe((first.figures.tagsCount ?? 0) + 1);
  release();
  await expect(crawling).rejects.toThrow(new EmptyRegistryError(2, 2, 4));
});

test('computes a lost snapshot again from the records, without a request to the registry', async () => {
  const { registry, options, takeSnapshot } = openSample();
  const first = await takeSnapshot();
  registry.takeRequests();
  const snapshotStore = { ...options.snapshotStore, latest: async () => undefined };
  const restarted = createSnapshotTaker({ ...options, snapshotStore });
  await restarted.load();
  expect(contentOf(restarted.latest() ?? first)).toEqual(contentOf(first));
  expect(registry.takeRequests()).toEqual([]);
});

test('takes no new snapshot after a notification if nothing has changed', async () => {
  const { snapshots, takeSnapshot } = openSample();
  const first = await takeSnapshot();
  expect(await snapshots.updateSnapshot(names('group/app'), signal)).toBe(first);
});

test('shows a change with the next update if the first one failed after reading it', async () => {
  let isDown = false;
  const { registry, snapshots, takeSnapshot } = openSample(
    {
      async tags(repository) {
        if (isDown && repository === 'group/tools') throw new Failure('unavailable');
        return [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      },
    },
    { concurrency: 1 },
  );
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  isDown = true;
  await expect(snapshots.updateSnapshot(names('group/app', 'group/tools'), signal)).rejects.toThrow('unavailable');
  isDown = false;
  const shown = await snapshots.updateSnapshot(names('group/app', 'group/tools'), signal);
  expect(contentOf(shown)).toEqual(await firstContentOf(registry));
});

test('keeps the content of a repository when an update fails to read it', async () => {
  let isFailing = false;
  const { registry, store, takeSnapshot, snapshots } = openSample({
    async tags(repository) {
      if (isFailing && repository === 'group/app') throw new Failure('unreadable');
      return [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
    },
  });
  await takeSnapshot();
  isFailing = true;
  const { repositories } = await snapshots.updateSnapshot(names('group/app'), signal);
  expect(repositories[0]).toMatchObject({ tagsCount: 2, isComplete: false });
  const record = await store.crawlState.repository('group/app' as RepositoryName);
  expect([record?.content?.tags.length, record?.failure?.code]).toEqual([2, 'unreadable']);
});

test('reads only the repositories of a notification', async () => {
  const { registry, takeSnapshot, snapshots } = openSample();
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  registry.push('group/tools', '9.0', image('d'));
  registry.push('group/new', '1.0', image('e'));
  registry.takeRequests();
  const second = await snapshots.updateSnapshot(names('group/app', 'group/new', 'group/none'), signal);
  expect(registry.takeRequests()).toEqual([
    `manifest group/app:${image('c').digest}`,
    'manifest group/new:1.0',
    'resolve group/app:3.0',
    'tags group/app',
    'tags group/new',
    'tags group/none',
    'unchanged group/app:1.0',
    'unchanged group/app:2.0',
  ]);
  registry.content.get('group/tools')?.delete('9.0');
  expect(contentOf(second)).toEqual(await firstContentOf(registry));
  expect(snapshots.latest()).toBe(second);
});

test('keeps reported sizes and referrers of the other repositories', async () => {
  const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
  const signature = image('e');
  const blobsAsked: string[] = [];
  const { registry, takeSnapshot, snapshots } = openSample({
    async blobBytes(repository, digest) {
      blobsAsked.push(`${repository}@${digest.at(-1)}`);
      return digest === digestOf('f') ? undefined : 7;
    },
    referrers: async (_, digest) =>
      digest === image('a').digest ? [{ digest: signature.digest, mediaType: '', sizeBytes: 10 }] : [],
  });
  registry.push('group/tools', 'signature', signature);
  const { manifest } = image('1');
  if (manifest.kind !== 'image') throw new Error('an image is an image');
  const layers = [
    { digest: digestOf('f'), mediaType: foreign, sizeBytes: 50 },
    { digest: digestOf('d'), mediaType: 'application/vnd.oci.image.layer.v1.tar', sizeBytes: undefined },
  ];
  registry.push('group/tools', 'odd', storedManifest(image('1').digest, 10, { ...manifest, layers }));
  const first = await takeSnapshot();
  expect(first.figures.isComplete).toBe(true);
  expect(blobsAsked.splice(0).sort()).toEqual(['group/tools@d', 'group/tools@f']);
  const second = await snapshots.updateSnapshot(names('group/app'), signal);
  expect(blobsAsked.splice(0)).toEqual([]);
  expect(contentOf(second)).toEqual(contentOf(first));
  // A blob that was not stored may be stored by now. The size of a stored blob does not change.
  await takeSnapshot();
  expect(blobsAsked).toEqual(['group/tools@f']);
});

test('shows an update during a crawl at once, and keeps it when the crawl has finished', async () => {
  let isHeld = false;
  let release = (): void => undefined;
  const { registry, takeSnapshot, snapshots } = openSample({
    async tags(repository) {
      const tags = [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      if (isHeld && repository === 'group/app') {
        isHeld = false;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return tags;
    },
  });
  await takeSnapshot();
  isHeld = true;
  const crawling = takeSnapshot();
  while (isHeld) await turn();
  await turn();
  registry.push('group/app', '3.0', image('c'));
  registry.push('group/new', '1.0', image('e'));
  const updated = await snapshots.updateSnapshot(names('group/app', 'group/new'), signal);
  expect(contentOf(updated)).toEqual(await firstContentOf(registry));
  release();
  expect(contentOf(await crawling)).toEqual(contentOf(updated));
});

test('shows the saved snapshot after a restart, without a request to the registry', async () => {
  const { registry, options, takeSnapshot } = openSample();
  const first = await takeSnapshot();
  registry.takeRequests();
  const restarted = createSnapshotTaker(options);
  expect(restarted.latest()).toBeUndefined();
  await restarted.load();
  expect(restarted.latest()).toEqual(first);
  expect(registry.takeRequests()).toEqual([]);
});

test('passes the cause of a snapshot to the store', async () => {
  const occasions: string[] = [];
  const save: SnapshotStore['save'] = async (_snapshot, _crawlResult, occasion) => void occasions.push(occasion);
  const { registry, takeSnapshot, snapshots } = openSample(
    {},
    { snapshotStore: { latest: async () => undefined, garbageCollector: async () => undefined, save } },
  );
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  await snapshots.updateSnapshot(names('group/app'), signal);
  expect(occasions).toEqual(['crawl', 'notification', 'notification']); // the second one has the configs of images
});

test('shows a snapshot that cannot be saved', async () => {
  const failures: string[] = [];
  const full = Object.assign(new Error('disk full'), { kind: 'store' as const, reason: 'disk full' });
  const { store, takeSnapshot, snapshots } = openSample(
    {},
    {
      snapshotStore: {
        latest: async () => undefined,
        garbageCollector: async () => undefined,
        save: async () => {
          throw full;
        },
      },
      report: {
        notLoaded: () => undefined,
        notSaved: ({ message }) => void failures.push(message),
        pullsThrough: () => undefined,
      },
    },
  );
  const taken = await takeSnapshot();
  expect(snapshots.latest()).toBe(taken);
  expect(failures).toEqual(['disk full', 'disk full']);
  expect(await store.crawlState.unfinished()).toBeUndefined();
});

test('shows the figures of the first crawl before it reads the configs of images, and then a snapshot that has them', async () => {
  const { registry, snapshots } = openSample();
  const first = await snapshots.takeSnapshot(noProgress(), signal);
  const platforms = (snapshot: Snapshot) =>
    snapshot.repositories.flatMap(({ tags }) => tags.map(({ manifest }) => manifest?.platforms));
  expect([first.figures.isComplete, first.configsPending]).toEqual([true, 2]);
  expect(platforms(first)).toEqual([null, null, null]);
  const before = registry.takeRequests().length;
  expect(before).toBeGreaterThan(0);
  await snapshots.completeSnapshot(signal);
  const second = snapshots.latest() as Snapshot;
  expect(registry.takeRequests()).toEqual([]); // besides the configs, nothing is asked for
  expect(platforms(second)).toEqual([['linux/amd64'], ['linux/amd64'], ['linux/amd64']]);
  expect([second.figures, second.configsPending]).toEqual([first.figures, 0]);
});

test('reads the configs after a restart that an earlier run of the service had not read', async () => {
  const { options, snapshots } = openSample();
  await snapshots.takeSnapshot(noProgress(), signal);
  const restarted = createSnapshotTaker(options);
  await restarted.load();
  expect(restarted.latest()?.configsPending).toBe(2);
  await restarted.takeSnapshot(noProgress(), signal);
  await restarted.completeSnapshot(signal);
  expect(restarted.latest()?.configsPending).toBe(0);
  expect(restarted.latest()?.repositories[0]?.tags[0]?.manifest?.platforms).toEqual(['linux/amd64']);
});
