import { expect, test } from 'vitest';
import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { EmptyRegistryError } from '../../src/crawl/empty-guard.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Registry } from '../../src/ports.ts';
import { contentOf, firstContentOf, openSample } from '../support/crawl-sample.ts';
import { takeWholeSnapshot } from '../support/take-snapshot.ts';
import { createToyRegistry, Failure, image, storedManifest } from '../support/toy-registry.ts';

/* The requests and the results of a second crawl. */

const { signal } = new AbortController();

test('sends one conditional request per tag', async () => {
  const { registry, takeSnapshot } = openSample();
  const first = await takeSnapshot();
  registry.takeRequests();
  const second = await takeSnapshot();
  expect(registry.takeRequests()).toEqual([
    'tags group/app',
    'tags group/tools',
    'unchanged group/app:1.0',
    'unchanged group/app:2.0',
    'unchanged group/tools:1.0',
  ]);
  expect(contentOf(second)).toEqual(contentOf(first));
});

test('reads only new manifests, and each of them once', async () => {
  const { registry, takeSnapshot } = openSample();
  await takeSnapshot();
  registry.push('group/app', '3.0', image('c'));
  registry.push('group/app', 'latest', image('c'));
  registry.push('group/app', '1.0', image('b'));
  registry.takeRequests();
  const second = await takeSnapshot();
  expect(registry.takeRequests().filter((question) => !/^(tags|unchanged)/.test(question))).toEqual([
    `manifest group/app:${image('c').digest}`,
    'resolve group/app:1.0',
    'resolve group/app:3.0',
    'resolve group/app:latest',
  ]);
  expect(contentOf(second)).toEqual(await firstContentOf(registry));
});

test('does not resolve tags that the listing gives the digests of', async () => {
  const { registry, takeSnapshot } = openSample({
    async tags(repository) {
      const tags = registry.content.get(repository) ?? new Map();
      return [...tags].map(([name, { digest }]) => ({ name: name as TagName, digest }));
    },
  });
  const first = await takeSnapshot();
  expect(registry.takeRequests()).toEqual([
    `manifest group/app:${image('a').digest}`,
    `manifest group/app:${image('b').digest}`,
  ]);
  expect(contentOf(await takeSnapshot())).toEqual(contentOf(first));
  expect(registry.takeRequests()).toEqual([]);
});

test('asks for each known tag and repository that a cut list does not contain', async () => {
  let isCut = false;
  const { registry, takeSnapshot } = openSample({
    async *repositories() {
      yield* isCut
        ? ['group/app' as RepositoryName, { cut: 'the list of repositories may go on' }]
        : ([...registry.content.keys()] as RepositoryName[]);
    },
    async tags(repository) {
      const tags = [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      return isCut ? [...tags.slice(0, 1), { cut: 'the list of tags may go on' }] : tags;
    },
  });
  const first = await takeSnapshot();
  isCut = true;
  registry.content.get('group/app')?.delete('2.0');
  const second = await takeSnapshot();
  expect(second.repositories.map(({ name, tags }) => [name, tags.map((tag) => tag.name)])).toEqual(
    first.repositories.map(({ name, tags }) => [name, tags.map((tag) => tag.name).filter((tag) => tag !== '2.0')]),
  );
  expect(second.figures.isComplete).toBe(false);
  isCut = false;
  expect((await takeSnapshot()).figures.isComplete).toBe(true);
});

test('keeps the times that the listing gives of a tag, also if only they change', async () => {
  let updatedAt: number | undefined;
  const { registry, store, takeSnapshot } = openSample({
    async tags(repository) {
      const times = { createdAt: 1000, updatedAt, publishedAt: updatedAt ?? 1000 };
      const tags = registry.content.get(repository) ?? new Map();
      return [...tags].map(([name, { digest }]) => ({
        name: name as TagName,
        digest,
        ...(name === '1.0' && { times }),
      }));
    },
  });
  const timesOf = async () => {
    const { repositories } = await takeSnapshot();
    return repositories.map(({ tags }) => tags.map(({ times }) => times?.publishedAt));
  };
  expect(await timesOf()).toEqual([[1000, undefined], [1000]]);
  updatedAt = 2000;
  expect(await timesOf()).toEqual([[2000, undefined], [2000]]);
  const record = await store.crawlState.repository('group/app' as RepositoryName);
  expect(record?.content?.tags.map(({ times }) => times)).toEqual([
    { createdAt: 1000, updatedAt: 2000, publishedAt: 2000 },
    undefined,
  ]);
});

test('drops deleted tags and repositories from the snapshot', async () => {
  const { registry, takeSnapshot } = openSample();
  await takeSnapshot();
  registry.content.get('group/app')?.delete('2.0');
  registry.content.delete('group/tools');
  const second = await takeSnapshot();
  expect(second.repositories.map(({ name, tags }) => [name, tags.length])).toEqual([['group/app', 1]]);
  expect(contentOf(second)).toEqual(await firstContentOf(registry));
});

test('lists again when a known tag or repository is missing from a listing', async () => {
  let isShifting = false;
  let listings = 0;
  const { registry, takeSnapshot } = openSample({
    async *repositories() {
      yield* [...registry.content.keys()].slice(isShifting && listings++ === 0 ? 1 : 0) as RepositoryName[];
    },
    async tags(repository) {
      const tags = [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      const isFirst = !registry.requests.includes(`tags ${repository}`);
      registry.requests.push(`tags ${repository}`);
      return isShifting && isFirst ? tags.slice(1) : tags;
    },
  });
  const first = await takeSnapshot();
  registry.takeRequests();
  isShifting = true;
  expect(contentOf(await takeSnapshot())).toEqual(contentOf(first));
});

test('keeps the content of a repository that can no longer be read, with the time, as incomplete', async () => {
  let isRefused = false;
  let now = 1000;
  const { registry, takeSnapshot } = openSample(
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
  expect(contentOf(await takeSnapshot())).toEqual(contentOf(first));
});

test('rejects a crawl that finds far fewer tags, and starts from the beginning the next time', async () => {
  const { registry, snapshots, takeSnapshot } = openSample({}, { emptyGuard: 0.5 });
  const first = await takeSnapshot();
  const content = new Map(registry.content);
  registry.content.delete('group/app');
  await expect(takeSnapshot()).rejects.toThrow(new EmptyRegistryError(1, 1, 3));
  expect(snapshots.latest()).toBe(first);
  for (const [name, tags] of content) registry.content.set(name, tags);
  expect(contentOf(await takeSnapshot())).toEqual(contentOf(first));
});

test('does not count repositories as lost that the configuration no longer wants', async () => {
  const { options, takeSnapshot } = openSample({}, { emptyGuard: 0.9 });
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

test('keeps a tag if the second listing fails', async () => {
  let listings = 0;
  let isShifting = false;
  const { registry, takeSnapshot } = openSample({
    async tags(repository) {
      const tags = [...(registry.content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
      if (!isShifting || repository !== 'group/app') return tags;
      if (listings++ > 0) throw new Failure('unreadable');
      return tags.slice(1);
    },
  });
  const first = await takeSnapshot();
  isShifting = true;
  expect(contentOf(await takeSnapshot())).toEqual(contentOf(first));
});

test('keeps a repository that is no longer listed if it may not be read', async () => {
  let isDemoted = false;
  const { registry, takeSnapshot } = openSample({
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

test('does not read manifests again that it had read before an interruption', async () => {
  const { registry, options } = openSample();
  const interrupted = new AbortController();
  const interrupting: Registry = {
    ...registry,
    async manifest(repository, reference, ending) {
      if (reference === '2.0') {
        interrupted.abort();
        throw interrupted.signal.reason;
      }
      return registry.manifest(repository, reference, ending);
    },
  };
  const before = createSnapshotTaker({ ...options, registry: interrupting, concurrency: 1 });
  await expect(before.takeSnapshot(noProgress(), interrupted.signal)).rejects.toThrow(/abort/);
  registry.takeRequests();
  const snapshot = await takeWholeSnapshot(createSnapshotTaker(options), signal);
  expect(registry.takeRequests().filter((question) => question.startsWith('manifest group/app'))).toEqual([
    `manifest group/app:${image('b').digest}`,
  ]);
  expect(contentOf(snapshot)).toEqual(await firstContentOf(registry));
});

test('accepts an empty registry, and without the guard also one that was emptied', async () => {
  const empty = createToyRegistry();
  await expect(firstContentOf(empty)).resolves.toMatchObject({ repositories: [] });
  const { registry, takeSnapshot } = openSample({}, { emptyGuard: 0 });
  await takeSnapshot();
  registry.content.clear();
  expect((await takeSnapshot()).repositories).toEqual([]);
});

test('continues an interrupted crawl with the repositories that it had not read', async () => {
  const { registry, store, options } = openSample();
  const interrupted = new AbortController();
  const interrupting: Registry = {
    ...registry,
    async tags(repository, ending) {
      if (repository === 'group/app') return registry.tags(repository, ending);
      interrupted.abort();
      throw interrupted.signal.reason;
    },
  };
  const before = createSnapshotTaker({ ...options, registry: interrupting, concurrency: 1 });
  await expect(before.takeSnapshot(noProgress(), interrupted.signal)).rejects.toThrow(/abort/);
  registry.takeRequests();
  const progress = noProgress();
  const taker = createSnapshotTaker(options);
  await taker.takeSnapshot(progress, signal);
  await taker.completeSnapshot(signal);
  const snapshot = taker.latest() as Snapshot;
  // The first crawl had begun with this repository: its tag is resolved, and the manifest is cached.
  expect(registry.takeRequests()).toEqual(['resolve group/tools:1.0', 'tags group/tools']);
  expect(progress).toMatchObject({ repositoriesFound: 2, repositoriesRead: 2, repositoriesKept: 1 });
  expect(contentOf(snapshot)).toEqual(await firstContentOf(registry));
  expect(await store.crawlState.unfinished()).toBeUndefined();
});

test('finds manifests that the registry has lost with a thorough crawl', async () => {
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
  const { registry, takeSnapshot } = openSample(
    {
      async resolve(repository, reference, before) {
        registry.requests.push(`${before === undefined ? 'is there' : 'unchanged'} ${repository}:${reference}`);
        const digest = registry.content.get(repository)?.get(reference)?.digest ?? reference;
        // A registry compares the condition with the tag, and does not check that the manifest is stored.
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
  expect(contentOf(await takeSnapshot())).toEqual(contentOf(first));
  registry.takeRequests();
  now += 100;
  const { repositories, figures } = await takeSnapshot();
  expect(repositories[0]?.tags.map(({ name, status }) => [name, status])).toEqual([
    ['1.0', 'broken'],
    ['2.0', 'incomplete'],
  ]);
  expect(figures.isComplete).toBe(false);
  expect(registry.takeRequests().filter((question) => question.includes('unchanged'))).toEqual([]);
  now += 10;
  expect((await takeSnapshot()).repositories[0]?.tags[1]?.status).toBe('incomplete');
});

test('starts from the beginning if the interrupted crawl is too old', async () => {
  let now = 1000;
  const { registry, store, takeSnapshot } = openSample({}, { clock: () => now, resumeWithinMs: 100 });
  await takeSnapshot();
  await store.crawlState.begin({ startedAt: 1001, isThorough: false });
  registry.takeRequests();
  now = 1102;
  const { startedAt } = await takeSnapshot();
  expect(startedAt).toBe(1102);
  expect(registry.takeRequests()).toHaveLength(5);
});
