import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Store } from '../../../src/store/store.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { crawlOf, image } from '../../support/sample-registry-content.ts';
import { SERIES_NODES, SHORT_RETENTION, series, snapshotWith } from '../../support/snapshot-series.ts';
import { newFile, open } from '../../support/store-sample.ts';

/** Returns the first row of a query on the file of a closed store. */
function query(file: string, sql: string): Record<string, unknown> {
  const database = new DatabaseSync(file);
  try {
    return { ...database.prepare(sql).get() };
  } finally {
    database.close();
  }
}

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

async function save({ snapshots }: Store, { snapshot, crawlResult }: ReturnType<typeof crawlOf>): Promise<void> {
  await snapshots.save(snapshot, crawlResult, 'crawl');
}

/** Creates a store with one snapshot, and closes it. */
async function createStore(file: string): Promise<void> {
  const store = open(file);
  await save(store, crawlOf([image('a')]));
  store.close();
}

async function ids({ history }: Store): Promise<readonly string[]> {
  return (await history.snapshots()).map(({ id }) => id);
}

test('ignores a crawl result that another version wrote', async () => {
  const file = newFile();
  await createStore(file);
  change(file, 'UPDATE findings SET format = 99');
  expect(await open(file).snapshots.latest()).toBeUndefined();
});

test.for([
  'UPDATE findings SET body = zeroblob(length(body)) WHERE piece = 1',
  'DELETE FROM findings WHERE is_last = 1',
])('throws if the crawl result is damaged, until the next one is saved: %s', async (sql) => {
  const file = newFile();
  await createStore(file);
  change(file, sql);
  const store = open(file);
  await expect(store.snapshots.latest()).rejects.toMatchObject({ kind: 'store', reason: /^the store is damaged: / });
  await save(store, crawlOf([image('a')], 5));
  expect((await store.snapshots.latest())?.startedAt).toBe(5);
});

test('adds no rows for nodes that have not changed', async () => {
  const file = newFile();
  const store = open(file);
  for (const at of [1, 2, 3]) await save(store, crawlOf([image('a'), image('b')], at));
  await save(store, crawlOf([image('a')], 4));
  store.close();
  // First the registry, a namespace, a repository and two tags; then the first three changed, and a tag was deleted.
  expect(query(file, 'SELECT count(*) AS rows FROM figures')).toEqual({ rows: 5 + 4 });
});

test('does not show a snapshot whose save was interrupted, and deletes it at the next save', async () => {
  const file = newFile();
  const store = open(file);
  await save(store, crawlOf([image('a')], 1));
  const interrupted = expect(save(store, crawlOf([image('b')], 2))).rejects.toMatchObject({ kind: 'store' });
  for (let i = 0; i < 4; i++) await new Promise(setImmediate);
  store.close();
  await interrupted;
  expect(query(file, `SELECT count(*) AS begun FROM snapshot WHERE state = 'coming'`)).toEqual({ begun: 1 });
  const again = open(file);
  expect(await ids(again)).toEqual([new Date(1).toISOString()]);
  expect((await again.snapshots.latest())?.startedAt).toBe(1);
  await save(again, crawlOf([image('c')], 3));
  expect(await ids(again)).toEqual([1, 3].map((at) => new Date(at).toISOString()));
  again.close();
  expect(query(file, 'SELECT count(*) AS snapshots FROM snapshot')).toEqual({ snapshots: 2 });
});

test('stores the gaps of a crawl, and only the number of those after a notification', async () => {
  const file = newFile();
  const store = open(file);
  const gaps = [{ repository: 'group/other', code: 'forbidden', reason: 'no' } as const];
  for (const occasion of ['crawl', 'notification'] as const) {
    const { snapshot, crawlResult } = crawlOf([]);
    await store.snapshots.save({ ...snapshot, gaps }, crawlResult, occasion);
  }
  store.close();
  expect(
    query(file, 'SELECT json_group_array(gaps_count) AS counts, json_group_array(json(gaps)) AS gaps FROM snapshot'),
  ).toEqual({ counts: '[1,1]', gaps: JSON.stringify([gaps, []]) });
});

test('on random series, has one row for each change that the history shows, and no dangling reference', async () => {
  const property = fc.asyncProperty(series, async (steps) => {
    const file = newFile();
    let now = Date.UTC(2026, 0, 1, 12);
    const options = { clock: () => now, retention: SHORT_RETENTION };
    let store = open(file, options.clock, options.retention);
    const twin = createMemoryStore(options);
    // The last step deletes the snapshots that the one before it has marked as leaving.
    for (const step of [...steps, { minutes: 0, occasion: 'crawl' as const, sizes: [] }]) {
      if (step === 'restart') {
        store.close();
        store = open(file, options.clock, options.retention);
        continue;
      }
      now += step.minutes * 60_000;
      for (const { snapshots } of [store, twin])
        await snapshots.save(snapshotWith(step.sizes, now), crawlOf([]).crawlResult, step.occasion);
    }
    store.close();
    expect(query(file, 'SELECT count(*) AS rows FROM figures')).toEqual({ rows: await countChanges(twin) });
    expect(query(file, 'PRAGMA foreign_key_check')).toEqual({});
  });
  await fc.assert(property, { numRuns: 60 });
});

/** Counts how often the figures of a node differ from those at the kept snapshot before. */
async function countChanges({ history }: Store): Promise<number> {
  let changes = 0;
  for (const node of SERIES_NODES) {
    let before: string | undefined;
    for (const { figures } of await history.points(node)) {
      const current = figures && JSON.stringify(figures);
      if (current !== before) changes++;
      before = current;
    }
  }
  return changes;
}
