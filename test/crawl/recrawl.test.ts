import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { EmptyRegistryError } from '../../src/crawl/empty-guard.ts';
import { createSnapshotTaker, type SnapshotTakerOptions } from '../../src/crawl/snapshots.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Registry, SnapshotStore } from '../../src/ports.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { snapshotTakerOptions } from '../support/take-snapshot.ts';
import {
  createToyRegistry,
  digestOf,
  Failure,
  image,
  storedManifest,
  type ToyRegistry,
} from '../support/toy-registry.ts';

/* What a crawl asks of a registry that was crawled before, at the port. */

const { signal } = new AbortController();
const names = (...texts: string[]) => new Set(texts as RepositoryName[]);

/** A registry with two repositories, three tags and two images, and who takes snapshots of it. */
function crawled(answers: Partial<Registry> = {}, changes: Partial<SnapshotTakerOptions> = {}) {
  const registry = createToyRegistry(answers);
  registry.push('group/app', '1.0', image('a'));
  registry.push('group/app', '2.0', image('b'));
  registry.push('group/tools', '1.0', image('a'));
  const store = createMemoryStore();
  const options = { ...snapshotTakerOptions(registry, 2, store), ...changes };
  const snapshots = createSnapshotTaker(options);
  const takeSnapshot = () => snapshots.takeSnapshot(noProgress(), signal);
  return { registry, store, options, snapshots, takeSnapshot };
}

/** What a snapshot says, but for when. */
const said = ({ figures, repositories, gaps }: Snapshot) => ({ figures, repositories, gaps });

/** Said by someone who looks at the registry for the first time. */
async function seenAfresh(registry: ToyRegistry): Promise<object> {
  const options = snapshotTakerOptions(registry, 2);
  return said(await createSnapshotTaker(options).takeSnapshot(noProgress(), signal));
}

test('a registry in which nothing changed is asked once for each tag, whether it is still the same', async () => {
  const { registry, takeSnapshot } = crawled();
  const first = await takeSnapshot();
  registry.takeAsked();
  const second = await takeSnapshot();
  expect(registry.takeAsked()).toEqual([
    'tags group/app',
    'tags group/tools',
    'unchanged group/app:1.0',
    'unchanged group/app:2.0',
    'unchanged group/tools:1.0',
  ]);
  expect(said(second)).toEqual(said(first));
});

test('only what is new is read: a digest once, however many tags point at it, and one that is known not at all', async () => {
  const { registry, takeSnapshot } = crawled();
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  registry.push('group/app', 'latest', image('c'));
  registry.push('group/app', '1.0', image('b'));
  registry.takeAsked();
  const second = await takeSnapshot();
  expect(registry.takeAsked().filter((question) => !/^(tags|unchanged)/.test(question))).toEqual([
    `manifest group/app:${image('c').digest}`,
    'resolve group/app:1.0',
    'resolve group/app:3.0',
    'resolve group/app:latest',
  ]);
  expect(said(second)).toEqual(await seenAfresh(registry));
});

test('a listing that tells what tags point at saves asking for them', async () => {
  const { registry, takeSnapshot } = crawled({
    async tags(repository) {
      const tags = registry.content.get(repository) ?? new Map();
      return [...tags].map(([name, { digest }]) => ({ name: name as TagName, digest }));
    },
  });
  const first = await takeSnapshot();
  expect(registry.takeAsked()).toEqual([
    `manifest group/app:${image('a').digest}`,
    `manifest group/app:${image('b').digest}`,
  ]);
  expect(said(await takeSnapshot())).toEqual(said(first));
  expect(registry.takeAsked()).toEqual([]);
});

test('tags and repositories that are gone are gone, and what is left of them is not counted', async () => {
  const { registry, takeSnapshot } = crawled();
  await takeSnapshot();
  registry.content.get('group/app')?.delete('2.0');
  registry.content.delete('group/tools');
  const second = await takeSnapshot();
  expect(second.repositories.map(({ name, tags }) => [name, tags.length])).toEqual([['group/app', 1]]);
  expect(said(second)).toEqual(await seenAfresh(registry));
});

test('a tag or a repository that one listing passes over is found by asking again', async () => {
  let isShifting = false;
  let listings = 0;
  const { registry, takeSnapshot } = crawled({
    async *repositories() {
      yield* [...registry.content.keys()].slice(isShifting && listings++ === 0 ? 1 : 0) as RepositoryName[];
    },
    async tags(repository) {
      const tags = [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      const isFirst = !registry.asked.includes(`tags ${repository}`);
      registry.asked.push(`tags ${repository}`);
      return isShifting && isFirst ? tags.slice(1) : tags;
    },
  });
  const first = await takeSnapshot();
  registry.takeAsked();
  isShifting = true;
  expect(said(await takeSnapshot())).toEqual(said(first));
});

test('a repository that cannot be read keeps what it had, says since when, and is not complete', async () => {
  let isRefused = false;
  let now = 1000;
  const { registry, takeSnapshot } = crawled(
    {
      async tags(repository) {
        if (isRefused && repository === 'group/app') throw new Failure('forbidden');
        return [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      },
    },
    { clock: () => now },
  );
  const first = await takeSnapshot();
  isRefused = true;
  now = 5000;
  const second = await takeSnapshot();
  const { request } = new Failure('forbidden');
  const gap = { repository: 'group/app', code: 'forbidden', reason: 'a failure', request, staleSince: 1000 };
  expect(second.gaps).toEqual([gap]);
  const [app, tools] = second.repositories;
  expect(app).toEqual({ ...first.repositories[0], isComplete: false, staleSince: 1000 });
  expect(tools).toEqual(first.repositories[1]);
  expect(second.figures).toEqual({ ...first.figures, isComplete: false });
  now = 9000;
  expect((await takeSnapshot()).repositories[0]?.staleSince).toBe(1000);
  isRefused = false;
  expect(said(await takeSnapshot())).toEqual(said(first));
});

test('a crawl that finds almost nothing any more is not believed, and the next one begins anew', async () => {
  const { registry, snapshots, takeSnapshot } = crawled({}, { emptyGuard: 0.5 });
  const first = await takeSnapshot();
  const content = new Map(registry.content);
  registry.content.delete('group/app');
  await expect(takeSnapshot()).rejects.toThrow(new EmptyRegistryError(1, 3));
  expect(snapshots.latest()).toBe(first);
  for (const [name, tags] of content) registry.content.set(name, tags);
  expect(said(await takeSnapshot())).toEqual(said(first));
});

test('what is not wanted any more was not lost', async () => {
  const { options, takeSnapshot } = crawled({}, { emptyGuard: 0.9 });
  await takeSnapshot();
  const registry: Registry = {
    ...options.registry,
    isWanted: (name) => name !== 'group/app',
    async *repositories() {
      yield 'group/tools' as RepositoryName;
    },
  };
  const narrowed = createSnapshotTaker({ ...options, registry });
  await narrowed.load();
  const { repositories } = await narrowed.takeSnapshot(noProgress(), signal);
  expect(repositories.map(({ name }) => name)).toEqual(['group/tools']);
});

test('what was not believed is not shown by way of a notification either', async () => {
  const { registry, snapshots, options, takeSnapshot } = crawled({}, { emptyGuard: 0.5 });
  const first = await takeSnapshot();
  registry.content.get('group/app')?.clear();
  await expect(takeSnapshot()).rejects.toThrow(EmptyRegistryError);
  const restarted = createSnapshotTaker(options);
  await restarted.load();
  registry.push('group/tools', '2.0', image('c'));
  const noticed = await restarted.updateSnapshot(names('group/tools'), signal);
  expect(noticed.repositories.map(({ name, tags }) => [name, tags.length])).toEqual([
    ['group/app', 2],
    ['group/tools', 2],
  ]);
  expect(snapshots.latest()).toBe(first);
});

test('nor is what a crawl under way has read, before it is finished', async () => {
  let isHeld = false;
  let release = (): void => undefined;
  const { registry, snapshots, takeSnapshot } = crawled(
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
  registry.takeAsked();
  const crawling = takeSnapshot();
  while (!registry.asked.includes('tags group/app')) await turn();
  await turn();
  registry.push('group/tools', '2.0', image('c'));
  const noticed = await snapshots.updateSnapshot(names('group/tools'), signal);
  expect(noticed.figures.tagsCount).toBe((first.figures.tagsCount ?? 0) + 1);
  release();
  await expect(crawling).rejects.toThrow(new EmptyRegistryError(2, 4));
});

test('a tag is not gone because nobody could be asked again', async () => {
  let listings = 0;
  let isShifting = false;
  const { registry, takeSnapshot } = crawled({
    async tags(repository) {
      const tags = [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      if (!isShifting || repository !== 'group/app') return tags;
      if (listings++ > 0) throw new Failure('unreadable');
      return tags.slice(1);
    },
  });
  const first = await takeSnapshot();
  isShifting = true;
  expect(said(await takeSnapshot())).toEqual(said(first));
});

test('a repository that is not listed any more, and may not be read, is not taken for deleted', async () => {
  let isDemoted = false;
  const { registry, takeSnapshot } = crawled({
    async *repositories() {
      yield* [...registry.content.keys()].filter((name) => !isDemoted || name !== 'group/app') as RepositoryName[];
    },
    async tags(repository) {
      if (isDemoted && repository === 'group/app') throw new Failure('forbidden');
      return [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
    },
  });
  const first = await takeSnapshot();
  isDemoted = true;
  const second = await takeSnapshot();
  expect(second.repositories.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual(
    first.repositories.map(({ name, sizeBytes }) => [name, sizeBytes]),
  );
  expect(second.gaps).toMatchObject([{ repository: 'group/app', code: 'forbidden' }]);
});

test('what was read of a repository before the crawl was interrupted in it is not read again', async () => {
  const { registry, options } = crawled();
  const interrupted = new AbortController();
  const stubborn: Registry = {
    ...registry,
    async manifest(repository, reference, ending) {
      if (reference === '2.0') {
        interrupted.abort();
        throw interrupted.signal.reason;
      }
      return registry.manifest(repository, reference, ending);
    },
  };
  const before = createSnapshotTaker({ ...options, registry: stubborn, concurrency: 1 });
  await expect(before.takeSnapshot(noProgress(), interrupted.signal)).rejects.toThrow(/abort/);
  registry.takeAsked();
  const snapshot = await createSnapshotTaker(options).takeSnapshot(noProgress(), signal);
  expect(registry.takeAsked().filter((question) => question.startsWith('manifest group/app'))).toEqual([
    `manifest group/app:${image('b').digest}`,
  ]);
  expect(said(snapshot)).toEqual(await seenAfresh(registry));
});

test('where the last snapshot is lost, what was read is put together again, and nothing is asked', async () => {
  const { registry, options, takeSnapshot } = crawled();
  const first = await takeSnapshot();
  registry.takeAsked();
  const snapshotStore = { ...options.snapshotStore, latest: async () => undefined };
  const restarted = createSnapshotTaker({ ...options, snapshotStore });
  await restarted.load();
  expect(said(restarted.latest() ?? first)).toEqual(said(first));
  expect(registry.takeAsked()).toEqual([]);
});

test('a notification of what is as it was makes no new snapshot', async () => {
  const { snapshots, takeSnapshot } = crawled();
  const first = await takeSnapshot();
  expect(await snapshots.updateSnapshot(names('group/app'), signal)).toBe(first);
});

test('what was read again, and could not be shown, is shown the next time', async () => {
  let isDown = false;
  const { registry, snapshots, takeSnapshot } = crawled(
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
  expect(said(shown)).toEqual(await seenAfresh(registry));
});

test('a failed reading leaves what another one has read meanwhile', async () => {
  let isFailing = false;
  const { registry, store, takeSnapshot, snapshots } = crawled({
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

test('an empty registry is a registry, and without the guard also one that was emptied', async () => {
  const empty = createToyRegistry();
  await expect(seenAfresh(empty)).resolves.toMatchObject({ repositories: [] });
  const { registry, takeSnapshot } = crawled({}, { emptyGuard: 0 });
  await takeSnapshot();
  registry.content.clear();
  expect((await takeSnapshot()).repositories).toEqual([]);
});

test('a crawl that was interrupted goes on with the repositories that it had not read', async () => {
  const { registry, store, options } = crawled();
  const interrupted = new AbortController();
  const stubborn: Registry = {
    ...registry,
    async tags(repository, ending) {
      if (repository === 'group/app') return registry.tags(repository, ending);
      interrupted.abort();
      throw interrupted.signal.reason;
    },
  };
  const before = createSnapshotTaker({ ...options, registry: stubborn, concurrency: 1 });
  await expect(before.takeSnapshot(noProgress(), interrupted.signal)).rejects.toThrow(/abort/);
  registry.takeAsked();
  const progress = noProgress();
  const snapshot = await createSnapshotTaker(options).takeSnapshot(progress, signal);
  // It had begun with this one, so that it asks what the tag points at, and has that already.
  expect(registry.takeAsked()).toEqual(['resolve group/tools:1.0', 'tags group/tools']);
  expect(progress).toMatchObject({ repositoriesFound: 2, repositoriesRead: 2, repositoriesKept: 1 });
  expect(said(snapshot)).toEqual(await seenAfresh(registry));
  expect(await store.crawlState.unfinished()).toBeUndefined();
});

test('what the registry has lost without saying so is found out by a thorough crawl', async () => {
  let now = 1000;
  const lost = new Set<string>();
  const [child, other] = [image('b'), image('c')];
  const index = storedManifest(image('9').digest, 20, {
    kind: 'index',
    manifests: [child, other].map(({ digest }) => ({
      digest,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      sizeBytes: 10,
    })),
  });
  const known = new Map([index, child, other, image('a')].map((one) => [one.digest as string, one]));
  const { registry, takeSnapshot } = crawled(
    {
      async resolve(repository, reference, before) {
        registry.asked.push(`${before === undefined ? 'is there' : 'unchanged'} ${repository}:${reference}`);
        const digest = registry.content.get(repository)?.get(reference)?.digest ?? reference;
        // A registry compares the condition with the tag, and does not look any further.
        return before === undefined && lost.has(digest) ? undefined : (digest as typeof before);
      },
      async manifest(repository, reference) {
        const digest = registry.content.get(repository)?.get(reference)?.digest ?? reference;
        return lost.has(digest) ? undefined : known.get(digest);
      },
    },
    { clock: () => now, thoroughAfterMs: 100 },
  );
  registry.push('group/app', '2.0', index);
  const first = await takeSnapshot();
  expect(first.figures.isComplete).toBe(true);
  lost.add(child.digest);
  lost.add(image('a').digest);
  now += 50;
  expect(said(await takeSnapshot())).toEqual(said(first));
  registry.takeAsked();
  now += 100;
  const { repositories, figures } = await takeSnapshot();
  expect(repositories[0]?.tags.map(({ name, status }) => [name, status])).toEqual([
    ['1.0', 'broken'],
    ['2.0', 'incomplete'],
  ]);
  expect(figures.isComplete).toBe(false);
  expect(registry.takeAsked().filter((question) => question.includes('unchanged'))).toEqual([]);
  now += 10;
  expect((await takeSnapshot()).repositories[0]?.tags[1]?.status).toBe('incomplete');
});

test('a crawl that was interrupted too long ago begins anew', async () => {
  let now = 1000;
  const { registry, store, takeSnapshot } = crawled({}, { clock: () => now, resumeWithinMs: 100 });
  await takeSnapshot();
  await store.crawlState.begin({ startedAt: 1001, isThorough: false });
  registry.takeAsked();
  now = 1102;
  const { startedAt } = await takeSnapshot();
  expect(startedAt).toBe(1102);
  expect(registry.takeAsked()).toHaveLength(5);
});

test('what one notices is read again, and nothing else is asked for', async () => {
  const { registry, takeSnapshot, snapshots } = crawled();
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  registry.push('group/tools', '9.0', image('d'));
  registry.push('group/new', '1.0', image('e'));
  registry.takeAsked();
  const second = await snapshots.updateSnapshot(names('group/app', 'group/new', 'group/none'), signal);
  expect(registry.takeAsked()).toEqual([
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
  expect(said(second)).toEqual(await seenAfresh(registry));
  expect(snapshots.latest()).toBe(second);
});

test('what is known of other repositories stays known: sizes that the registry told, and referrers', async () => {
  const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
  const signature = image('e');
  const blobsAsked: string[] = [];
  const { registry, takeSnapshot, snapshots } = crawled({
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
  expect(said(second)).toEqual(said(first));
  // What was not stored may be stored by now; what is stored stays as it is.
  await takeSnapshot();
  expect(blobsAsked).toEqual(['group/tools@f']);
});

test('what is noticed while everything is crawled is shown at once, and the crawl takes nothing of it back', async () => {
  let isHeld = false;
  let release = (): void => undefined;
  const { registry, takeSnapshot, snapshots } = crawled({
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
  const noticed = await snapshots.updateSnapshot(names('group/app', 'group/new'), signal);
  expect(said(noticed)).toEqual(await seenAfresh(registry));
  release();
  expect(said(await crawling)).toEqual(said(noticed));
});

test('a restart shows what was saved, before anything is asked', async () => {
  const { registry, options, takeSnapshot } = crawled();
  const first = await takeSnapshot();
  registry.takeAsked();
  const restarted = createSnapshotTaker(options);
  expect(restarted.latest()).toBeUndefined();
  await restarted.load();
  expect(restarted.latest()).toEqual(first);
  expect(registry.takeAsked()).toEqual([]);
});

test('the store is told what a snapshot was taken for', async () => {
  const occasions: string[] = [];
  const save: SnapshotStore['save'] = async (_snapshot, _crawlResult, occasion) => void occasions.push(occasion);
  const { registry, takeSnapshot, snapshots } = crawled({}, { snapshotStore: { latest: async () => undefined, save } });
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  await snapshots.updateSnapshot(names('group/app'), signal);
  expect(occasions).toEqual(['crawl', 'notification']);
});

test('a snapshot that cannot be kept is shown all the same', async () => {
  const failures: string[] = [];
  const full = Object.assign(new Error('disk full'), { kind: 'store' as const, reason: 'disk full' });
  const { store, takeSnapshot, snapshots } = crawled(
    {},
    {
      snapshotStore: {
        latest: async () => undefined,
        save: async () => {
          throw full;
        },
      },
      report: { notLoaded: () => undefined, notSaved: ({ message }) => void failures.push(message) },
    },
  );
  const taken = await takeSnapshot();
  expect(snapshots.latest()).toBe(taken);
  expect(failures).toEqual(['disk full']);
  expect(await store.crawlState.unfinished()).toBeUndefined();
});
