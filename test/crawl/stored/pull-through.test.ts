import { expect, test } from 'vitest';
import { noProgress } from '../../../src/crawl/crawl-stats.ts';
import { createSnapshotTaker } from '../../../src/crawl/snapshots.ts';
import type { PullThrough, Registry } from '../../../src/ports.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { snapshotTakerOptions } from '../../support/take-snapshot.ts';
import { createToyRegistry, digestOf, image, storedManifest } from '../../support/toy-registry.ts';

/* Crawls of a registry that may be a pull-through cache. */

const { signal } = new AbortController();
const DAY_MS = 86_400_000;

function openRegistry(answers: Partial<Registry>) {
  let now = 1000 * DAY_MS;
  let warnings = 0;
  const registry = createToyRegistry(answers);
  registry.push('group/a', 'v', image('a'));
  const store = createMemoryStore();
  const start = () =>
    createSnapshotTaker({
      ...snapshotTakerOptions(registry, 1, store),
      clock: () => now,
      report: {
        notLoaded: () => expect.unreachable(),
        notSaved: () => expect.unreachable(),
        pullsThrough: () => void warnings++,
      },
    });
  return {
    registry,
    start,
    wait: (ms: number) => {
      now += ms;
    },
    crawl: (taker = start()) => taker.takeSnapshot(noProgress(), signal),
    warnings: () => warnings,
  };
}

test('believes a sign for 30 days, across restarts, because a cache shows itself only now and then', async () => {
  let state: PullThrough = 'yes';
  const { crawl, start, wait, warnings } = openRegistry({ pullThrough: () => state });
  expect((await crawl()).figures.isComplete).toBe(false);
  state = 'unseen';
  for (const isComplete of [false, false, true]) {
    wait(12 * DAY_MS);
    const taker = start();
    await taker.load();
    expect((await crawl(taker)).figures.isComplete).toBe(isComplete);
    expect(taker.isPullThroughCache()).toBe(!isComplete);
  }
  expect(warnings()).toBe(3);
});

test('forgets earlier signs when the configuration says that the registry is no cache', async () => {
  let state: PullThrough = 'yes';
  const { crawl, start } = openRegistry({ pullThrough: () => state });
  const taker = start();
  await crawl(taker);
  state = 'no';
  expect(await crawl(taker)).toMatchObject({ figures: { isComplete: true }, gaps: [] });
});

test('asks about another repository if one cannot be asked about, before it reads either', async () => {
  const asked: string[] = [];
  const { crawl, registry } = openRegistry({
    async probePullThrough(repository) {
      asked.push(`${repository} after ${registry.requests.length}`);
      return repository !== 'group/a';
    },
  });
  for (const letter of 'bc') registry.push(`group/${letter}`, 'v', image('b'));
  await crawl();
  expect(asked).toEqual(['group/a after 0', 'group/b after 2']);
});

test('does not ask a cache for a blob of unknown size, which it would fetch, and counts it as unknown', async () => {
  const asked: string[] = [];
  const schema1 = storedManifest(digestOf('e'), 10, { kind: 'schema1', layers: [digestOf('f')] });
  const { crawl, registry } = openRegistry({
    pullThrough: () => 'yes',
    async blobBytes(_, digest) {
      asked.push(digest);
      return 5;
    },
  });
  registry.push('group/old', 'v', schema1);
  const { repositories, gaps } = await crawl();
  expect(asked).toEqual([]);
  expect(repositories[1]?.tags).toMatchObject([{ status: 'incomplete', sizeBytes: 0 }]);
  expect(gaps.map(({ code }) => code)).toEqual(['unverified', 'missing']);
});
