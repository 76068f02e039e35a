import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packGraph } from '../../../src/domain/graph/graph.ts';
import type { RepositoryName, TagName } from '../../../src/domain/names.ts';
import type { CrawlResult } from '../../../src/domain/snapshot/crawl-result.ts';
import type { NodeName } from '../../../src/domain/snapshot/snapshot-nodes.ts';
import type { SnapshotOccasion, SnapshotStore } from '../../../src/ports.ts';
import type { Store } from '../../../src/store/store.ts';
import { createMemoryStore, DAY_MS, HOUR_MS } from '../../support/memory-store.ts';
import { crawlOf, figures, image } from '../../support/sample-registry-content.ts';
import { SAMPLE_COLLECTOR } from '../../support/sample-snapshot.ts';
import { SERIES_NODES, SHORT_RETENTION, series, snapshotWith } from '../../support/snapshot-series.ts';
import { ENGINES } from './engines.ts';

const REGISTRY: NodeName = { kind: 'registry', path: '', tag: '' };
const tagNode = (tag: string): NodeName => ({ kind: 'tag', path: 'group/app', tag });

/** Compares graphs by their columns: two equal digest tables may differ in their caches. */
function comparable(crawlResult: CrawlResult | undefined): unknown {
  return crawlResult && { ...crawlResult, graph: packGraph(crawlResult.graph) };
}

async function save(
  { snapshots }: { readonly snapshots: SnapshotStore },
  { snapshot, crawlResult }: ReturnType<typeof crawlOf>,
  occasion: SnapshotOccasion = 'crawl',
): Promise<void> {
  await snapshots.save(snapshot, crawlResult, occasion);
}

async function ids({ history }: Store): Promise<readonly string[]> {
  return (await history.snapshots()).map(({ id }) => id);
}

const idAt = (at: number): string => new Date(at).toISOString();

describe.each(ENGINES)('the snapshots of $name', ({ newPlace, isDurable }) => {
  test('are none before the first one', async () => {
    const { snapshots, history } = await newPlace().open();
    expect(await snapshots.latest()).toBeUndefined();
    expect(await history.snapshots()).toEqual([]);
    expect(await history.points(REGISTRY)).toEqual([]);
  });

  test.runIf(isDurable)('can be computed again after a restart', async () => {
    const place = newPlace();
    const first = await place.open();
    await save(first, crawlOf([image('a')], 1));
    const { snapshot, crawlResult } = crawlOf([image('a'), image('b')], 2);
    const gap = { repository: 'group/other', code: 'forbidden', reason: 'no' } as const;
    const broken = { name: 'x' as TagName, root: undefined, lastPulledAt: 5, gap } as const;
    const repositories: CrawlResult['repositories'] = [
      ...crawlResult.repositories,
      { name: 'group/empty' as RepositoryName, tags: [], gap, staleSince: 7 },
      { name: 'group/other' as RepositoryName, tags: [broken], gap: undefined, staleSince: undefined },
    ];
    const unusual = { ...crawlResult, repositories, illegal: new Set(['A\u0000\ud800']) };
    await first.snapshots.save(snapshot, unusual, 'crawl');
    first.close();
    const again = await place.open();
    expect(comparable(await again.snapshots.latest())).toEqual(comparable(unusual));
    expect(await ids(again)).toEqual([idAt(1), idAt(2)]);
  });

  test('return a crawl result with many tags complete', async () => {
    const { snapshots } = await newPlace().open();
    const { snapshot, crawlResult } = crawlOf([image('a')]);
    const name = 'group/app' as RepositoryName;
    const tagsOf = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `v${i}` as TagName, root: 0, lastPulledAt: undefined }));
    const repositories = [12_000, 0, 4_999, 1, 5_000, 5_001, 3].map((count) => ({
      name,
      tags: tagsOf(count),
      gap: undefined,
      staleSince: undefined,
    }));
    const large = { ...crawlResult, repositories };
    await snapshots.save(snapshot, large, 'crawl');
    expect(comparable(await snapshots.latest())).toEqual(comparable(large));
  });

  test('are listed with their content', async () => {
    const store = await newPlace().open();
    await save(store, crawlOf([image('a'), image('b')], 1));
    const { snapshot, crawlResult } = crawlOf([image('a')], 2);
    const gaps = [{ repository: 'group/other', code: 'forbidden', reason: 'no' } as const];
    await store.snapshots.save({ ...snapshot, startedAt: 1, gaps }, crawlResult, 'notification');
    expect(await store.history.snapshots()).toEqual([
      {
        id: idAt(1),
        occasion: 'crawl',
        startedAt: 1,
        finishedAt: 1,
        repositoriesCount: 1,
        tagsCount: 2,
        gapsCount: 0,
        garbageCollector: SAMPLE_COLLECTOR,
      },
      {
        id: idAt(2),
        occasion: 'notification',
        startedAt: 1,
        finishedAt: 2,
        repositoriesCount: 1,
        tagsCount: 1,
        gapsCount: 1,
        garbageCollector: SAMPLE_COLLECTOR,
      },
    ]);
  });

  test('have the figures of a node at each of them, and none where the node is missing', async () => {
    const store = await newPlace().open();
    for (const at of [1, 2, 3]) await save(store, crawlOf([image('a'), image('b')], at));
    await save(store, crawlOf([image('a')], 4));
    const figuresOf = async (node: NodeName) => (await store.history.points(node)).map((point) => point.figures);
    expect(await figuresOf(tagNode('0'))).toEqual(Array(4).fill(figures(100)));
    expect(await figuresOf(tagNode('1'))).toEqual([...Array(3).fill(figures(100)), undefined]);
    expect(await figuresOf(tagNode('2'))).toEqual(Array(4).fill(undefined));
    const points = await store.history.points(REGISTRY);
    expect(points.map(({ id, finishedAt }) => [id, finishedAt])).toEqual([1, 2, 3, 4].map((at) => [idAt(at), at]));
  });

  test('are all kept when they are saved at the same time', async () => {
    const store = await newPlace().open();
    await Promise.all([1, 2].map((at) => save(store, crawlOf([image(`${at}`)], at))));
    expect(await ids(store)).toEqual([idAt(1), idAt(2)]);
    expect((await store.snapshots.latest())?.startedAt).toBe(2);
  });

  test('are kept for a week, and the last one of each day for a year', async () => {
    let now = Date.UTC(2026, 0, 1);
    const store = await newPlace().open({ clock: () => now });
    for (; now < Date.UTC(2027, 1, 1); now += 6 * HOUR_MS) await save(store, crawlOf([], now));
    const found = await ids(store);
    const ageOf = (id: string): number => now - Date.parse(id);
    expect(found.filter((id) => ageOf(id) <= 7 * DAY_MS).length).toBe(7 * 4);
    const old = found.filter((id) => ageOf(id) > 7.25 * DAY_MS);
    expect(old.every((id) => id.endsWith('T18:00:00.000Z'))).toBe(true);
    expect(old.length).toBe(365 - 7);
  });

  test('after notifications are kept for a week as the last one of every hour', async () => {
    let now = Date.UTC(2026, 0, 1);
    const store = await newPlace().open({ clock: () => now });
    for (let i = 0; now < Date.UTC(2026, 0, 10); i++, now += 20 * 60_000) {
      await save(store, crawlOf([], now), i % 36 === 0 ? 'crawl' : 'notification');
    }
    const found = (await ids(store)).map((id) => id.slice('yyyy-mm-'.length, 'yyyy-mm-ddThh:mm'.length));
    expect(found.filter((id) => id.startsWith('05T'))).toEqual(
      Array.from({ length: 24 }, (_, hour) => `05T${String(hour).padStart(2, '0')}`).flatMap((hour, i) => [
        ...(i % 12 === 0 ? [`${hour}:00`] : []),
        `${hour}:40`,
      ]),
    );
    expect(found.slice(0, 2)).toEqual(['01T23:40', '02T23:40']);
  });

  test.runIf(isDurable)('lose at most a day of their time to each start with a wrong clock', async () => {
    let now = Date.UTC(2026, 0, 1);
    const place = newPlace();
    let store = await place.open({ clock: () => now });
    for (; now < Date.UTC(2026, 0, 6); now += 6 * HOUR_MS) await save(store, crawlOf([], now));
    const before = await ids(store);
    for (const years of [5, 0, -3, 10]) {
      store.close();
      now = Date.UTC(2026 + years, 0, 6);
      store = await place.open({ clock: () => now });
      for (let i = 0; i < 3; i++, now += 60_000) await save(store, crawlOf([], now));
    }
    expect((await ids(store)).slice(0, before.length)).toEqual(before);
  });

  test('on random series, are those of the store in memory', async () => {
    const property = fc.asyncProperty(series, async (steps) => {
      let now = Date.UTC(2026, 0, 1, 12);
      const options = { clock: () => now, retention: SHORT_RETENTION };
      const place = newPlace();
      let store = await place.open(options);
      const twin = createMemoryStore(options);
      for (const step of steps) {
        if (step === 'restart') {
          if (!isDurable) continue;
          store.close();
          store = await place.open(options);
          continue;
        }
        now += step.minutes * 60_000;
        const snapshot = snapshotWith(step.sizes, now);
        for (const { snapshots } of [store, twin])
          await snapshots.save(snapshot, crawlOf([]).crawlResult, step.occasion);
        expect(await store.history.snapshots()).toEqual(await twin.history.snapshots());
        for (const node of SERIES_NODES)
          expect(await store.history.points(node)).toEqual(await twin.history.points(node));
      }
      store.close();
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
