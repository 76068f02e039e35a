import { expect, test } from 'vitest';
import { createSnapshotTaker, type SnapshotTakerOptions } from '../../../src/crawl/snapshots.ts';
import type { Digest, RepositoryName } from '../../../src/domain/names.ts';
import type { Snapshot } from '../../../src/domain/snapshot/snapshot.ts';
import type { Store } from '../../../src/store/store.ts';
import { ENGINES } from '../../store/contract/engines.ts';
import { contentOf } from '../../support/crawl-sample.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { image as sampleImage } from '../../support/sample-registry-content.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../../support/take-snapshot.ts';
import { createToyRegistry, descriptor, digestOf, Failure, image, storedManifest } from '../../support/toy-registry.ts';

/* Thorough crawls ask the registry for the layers and configs that manifests name. */

const { signal } = new AbortController();
const configOf = (letter: string): Digest => `sha256:${letter.repeat(62)}01` as Digest;
const layerOf = (letter: string): Digest => `sha256:${letter.repeat(62)}02` as Digest;

/** A registry with one image for each of these letters, in which each test changes what is stored. Every crawl is thorough, a second after the last. */
function openRegistry(
  letters: string,
  changes: Partial<SnapshotTakerOptions> = {},
  store: Store = createMemoryStore(),
) {
  let now = 1000;
  /** By digest, or by repository and digest: the stored bytes; undefined if the blob is lost, null if questions about it fail. */
  const stored = new Map<string, number | null | undefined>();
  const asked: string[] = [];
  const registry = createToyRegistry({
    async blobBytes(repository, digest) {
      asked.push(`${repository} ${digest}`);
      const key = [`${repository} ${digest}`, digest].find((one) => stored.has(one));
      const bytes = key === undefined ? (digest.endsWith('01') ? 1 : 100) : stored.get(key);
      if (bytes === null) throw new Failure('unreadable');
      return bytes;
    },
  });
  for (const letter of letters) registry.push(`group/${letter}`, 'v', image(letter));
  const takerOn = (used: Store) =>
    createSnapshotTaker({
      ...snapshotTakerOptions(registry, 1, used),
      clock: () => now,
      thoroughAfterMs: 1,
      ...changes,
    });
  let taker = takerOn(store);
  return {
    registry,
    stored,
    /** Returns the questions about blobs since the last call. */
    takeAsked: () => asked.splice(0),
    restart: (used: Store) => {
      taker = takerOn(used);
    },
    wait: (ms: number) => {
      now += ms;
    },
    async crawl(): Promise<Snapshot> {
      now += 1000;
      return takeWholeSnapshot(taker, signal);
    },
    recrawl: (name: string): Promise<Snapshot> => taker.updateSnapshot(new Set([name as RepositoryName]), signal),
  };
}

const statuses = ({ repositories }: Snapshot) => repositories.map(({ tags }) => tags[0]?.status);

test('asks for each blob once, in every thorough crawl but the first', async () => {
  const { crawl, takeAsked, registry } = openRegistry('ab');
  registry.push('group/c', 'v', image('a'));
  const first = await crawl();
  expect(takeAsked()).toEqual([]);
  const second = await crawl();
  expect(takeAsked().sort()).toEqual(
    [
      `group/a ${configOf('a')}`,
      `group/a ${layerOf('a')}`,
      `group/b ${configOf('b')}`,
      `group/b ${layerOf('b')}`,
    ].sort(),
  );
  expect(contentOf(second)).toEqual(contentOf(first));
});

test('asks for no blob in a crawl that is not thorough, or if that is turned off', async () => {
  const rarely = openRegistry('a', { thoroughAfterMs: 1e9 });
  const never = openRegistry('a', { verifyBlobsPerCrawl: 0 });
  for (const { crawl, takeAsked } of [rarely, never]) {
    for (let i = 0; i < 3; i++) await crawl();
    expect(takeAsked()).toEqual([]);
  }
});

test('names a lost layer as a gap of every tag that reaches it, until it is found again', async () => {
  const { crawl, stored, registry } = openRegistry('ab');
  registry.push('group/c', 'v', image('a'));
  const first = await crawl();
  stored.set(layerOf('a'), undefined);
  const second = await crawl();
  expect(statuses(second)).toEqual(['incomplete', 'ok', 'incomplete']);
  expect(second.gaps).toEqual(
    ['group/a', 'group/c'].map((repository) => ({
      repository,
      reference: 'v',
      code: 'missing',
      reason: `not stored, or not readable: ${layerOf('a')}`,
    })),
  );
  expect(second.figures).toMatchObject({
    isComplete: false,
    deduplicatedBytes: (first.figures.deduplicatedBytes ?? 0) - 100,
  });
  expect(contentOf(await crawl())).toEqual(contentOf(second));
  stored.delete(layerOf('a'));
  expect(contentOf(await crawl())).toEqual(contentOf(first));
});

test('asks for a lost layer again in every crawl, and after a notification', async () => {
  const { crawl, recrawl, stored, takeAsked, registry } = openRegistry('ab', { thoroughAfterMs: 1500 });
  const first = await crawl(); // thorough
  stored.set(layerOf('a'), undefined);
  await crawl();
  const third = await crawl(); // thorough
  expect(statuses(third)).toEqual(['incomplete', 'ok']);
  takeAsked();
  expect(contentOf(await crawl())).toEqual(contentOf(third));
  expect(takeAsked()).toEqual([`group/a ${layerOf('a')}`]);
  registry.push('group/b', 'w', image('b'));
  expect(statuses(await recrawl('group/b'))).toEqual(['incomplete', 'ok']);
  expect(takeAsked()).toEqual([]);
  stored.delete(layerOf('a'));
  registry.push('group/a', 'w', image('a'));
  expect(statuses(await recrawl('group/a'))).toEqual(['ok', 'ok']);
  expect(takeAsked()).toEqual([`group/a ${layerOf('a')}`]);
  registry.content.get('group/a')?.delete('w');
  registry.content.get('group/b')?.delete('w');
  expect(contentOf(await crawl())).toEqual(contentOf(first));
});

test('does not call a blob lost that another repository holds, or that it could not ask for', async () => {
  const { crawl, stored, takeAsked, registry } = openRegistry('ab');
  registry.push('group/c', 'v', image('a'));
  const first = await crawl();
  stored.set(`group/a ${layerOf('a')}`, undefined);
  stored.set(layerOf('b'), null);
  expect(contentOf(await crawl())).toEqual(contentOf(first));
  const asked = takeAsked().filter((question) => question.endsWith(layerOf('a')));
  expect(asked).toEqual([`group/a ${layerOf('a')}`, `group/c ${layerOf('a')}`]);
});

test('does not ask for the child of an index that the registry may store as a manifest of an unknown type', async () => {
  const { crawl, takeAsked, stored, registry } = openRegistry('');
  const [unknown, cached] = [digestOf('e'), digestOf('f')];
  const index = storedManifest(digestOf('d'), 10, {
    kind: 'index',
    manifests: [
      descriptor(unknown, 'application/vnd.example.thing.v1+json', 50),
      descriptor(cached, 'application/vnd.buildkit.cacheconfig.v0', 50),
    ],
  });
  registry.push('group/things', 'v', index);
  stored.set(unknown, undefined).set(cached, 50);
  const first = await crawl();
  expect(contentOf(await crawl())).toEqual(contentOf(first));
  expect(takeAsked()).toEqual([`group/things ${cached}`]);
});

test('counts the stored size of a blob whose manifest states another one, and names it as a gap', async () => {
  const { crawl, stored } = openRegistry('a');
  const first = await crawl();
  stored.set(layerOf('a'), 40);
  const second = await crawl();
  expect(second.figures).toMatchObject({
    isComplete: false,
    deduplicatedBytes: (first.figures.deduplicatedBytes ?? 0) - 60,
  });
  const reason = `stored with another size than the manifests state: ${layerOf('a')}`;
  expect(second.gaps).toEqual([{ repository: 'group/a', reference: 'v', code: 'unreadable', reason }]);
  expect(contentOf(await crawl())).toEqual(contentOf(second));
  stored.delete(layerOf('a'));
  expect(contentOf(await crawl())).toEqual(contentOf(first));
});

test('asks for a stored foreign layer again in every thorough crawl', async () => {
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  const { crawl, stored, takeAsked, registry } = openRegistry('', { verifyBlobsPerCrawl: 0 });
  const windows = storedManifest(digestOf('e'), 10, {
    kind: 'image',
    config: descriptor(configOf('e'), 'application/vnd.oci.image.config.v1+json', 1),
    layers: [descriptor(layerOf('e'), foreign, 70)],
  });
  registry.push('group/windows', 'v', windows);
  stored.set(layerOf('e'), 70);
  expect((await crawl()).figures.sizeBytes).toBe(70);
  takeAsked();
  stored.set(layerOf('e'), undefined);
  const { figures } = await crawl();
  expect(takeAsked()).toEqual([`group/windows ${layerOf('e')}`]);
  expect(figures).toMatchObject({ sizeBytes: 0, isComplete: true });
});

test('believes the manifests again when the verification is turned off', async () => {
  const store = createMemoryStore();
  const before = openRegistry('a', {}, store);
  const first = await before.crawl();
  before.stored.set(layerOf('a'), undefined);
  expect(statuses(await before.crawl())).toEqual(['incomplete']);
  const after = openRegistry('a', { verifyBlobsPerCrawl: 0 }, store);
  expect(contentOf(await after.crawl())).toEqual(contentOf(first));
});

test('shows the lost blobs of the last crawl after a restart that finds no snapshot', async () => {
  const store = createMemoryStore();
  const { crawl, stored, registry } = openRegistry('a', {}, store);
  await crawl();
  stored.set(layerOf('a'), undefined);
  const second = await crawl();
  const options = snapshotTakerOptions(registry, 1, { ...store, snapshots: createMemoryStore().snapshots });
  const restarted = createSnapshotTaker(options);
  await restarted.load();
  expect(restarted.latest()?.gaps).toEqual(second.gaps);
});

test.each(ENGINES)(
  'asks first for the blobs whose check is the oldest, across restarts, with $name',
  async (engine) => {
    const place = engine.newPlace();
    const open = () => place.open({ clock: () => 1e6 });
    let store = await open();
    const { crawl, restart, takeAsked, stored, registry } = openRegistry('', { verifyBlobsPerCrawl: 2 }, store);
    const images = ['one', 'two', 'three'].map(sampleImage);
    for (const [i, one] of images.entries()) registry.push(`group/${i}`, 'v', one);
    const blobs = images.flatMap(({ manifest }) =>
      manifest.kind === 'image' ? [manifest.config, ...manifest.layers] : [],
    );
    for (const { digest, sizeBytes } of blobs) stored.set(digest, sizeBytes);
    const digests = blobs.map(({ digest }) => digest).sort();
    stored.set(digests[2] ?? '', null); // questions that fail do not hold up the others
    await crawl();
    const rounds: (readonly string[])[] = [];
    for (let round = 0; round < 4; round++) {
      if (engine.isDurable) {
        store.close();
        store = await open();
        restart(store);
      }
      await crawl();
      rounds.push(takeAsked().map((question) => question.split(' ')[1] ?? ''));
    }
    store.close();
    expect(rounds).toEqual([digests.slice(0, 2), digests.slice(2, 4), digests.slice(4), digests.slice(0, 2)]);
  },
);
