import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packGraph } from '../../src/domain/graph/graph.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { CrawlResult } from '../../src/domain/snapshot/crawl-result.ts';
import type {
  Figures,
  NamespaceUsage,
  RepositoryUsage,
  Snapshot,
  TagFigures,
} from '../../src/domain/snapshot/snapshot.ts';
import type { SnapshotOccasion, StoredManifest } from '../../src/ports.ts';
import type { NodeName } from '../../src/store/history-nodes.ts';
import type { Store } from '../../src/store/sqlite/open-store.ts';
import type { Retention } from '../../src/store/sqlite/retention.ts';
import { collected, digestOf, figures, image } from '../support/sample-registry-content.ts';
import { DAY_MS, HOUR_MS, newFile, open, RETENTION } from '../support/store-sample.ts';

const REGISTRY: NodeName = { kind: 'registry', path: '', tag: '' };

/** The first row of a query on a closed store's file. */
function ask(file: string, sql: string): Record<string, unknown> {
  const database = new DatabaseSync(file);
  try {
    return { ...database.prepare(sql).get() };
  } finally {
    database.close();
  }
}

/** Graphs compare by their columns: a table of digests may have more or less prepared. */
function plain(findings: CrawlResult | undefined): unknown {
  return findings && { ...findings, graph: packGraph(findings.graph) };
}

async function ids(store: Store): Promise<readonly string[]> {
  return (await store.snapshots.history(REGISTRY)).map(({ id }) => id);
}

test('before the first snapshot there is none', async () => {
  const { snapshots } = open(':memory:');
  expect(await snapshots.latest()).toBeUndefined();
  expect(await snapshots.history(REGISTRY)).toEqual([]);
});

test('after a restart the latest snapshot can be counted again', async () => {
  const file = newFile();
  const first = open(file);
  await first.snapshots.save(...saved(collected([image('a')], 1)));
  const { snapshot, findings } = collected([image('a'), image('b')], 2);
  const gap = { repository: 'group/other', code: 'forbidden', reason: 'no' } as const;
  const noTag = { name: 'x' as TagName, root: undefined, lastPulledAt: 5, gap } as const;
  const repositories: CrawlResult['repositories'] = [
    ...findings.repositories,
    { name: 'group/empty' as RepositoryName, tags: [], gap, staleSince: 7 },
    { name: 'group/other' as RepositoryName, tags: [noTag], gap: undefined, staleSince: undefined },
  ];
  const odd = { ...findings, repositories, illegal: new Set(['A\u0000\ud800']) };
  await first.snapshots.save(snapshot, odd, 'collection');
  first.close();
  expect(plain(await open(file).snapshots.latest())).toEqual(plain(odd));
});

test('findings of many pieces come back whole', async () => {
  const { snapshots } = open(':memory:');
  const { snapshot, findings } = collected([image('a')]);
  const name = 'group/app' as RepositoryName;
  const tagsOf = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ name: `v${i}` as TagName, root: 0, lastPulledAt: undefined }));
  const repositories = [12_000, 0, 4_999, 1, 5_000, 5_001, 3].map((count) => ({
    name,
    tags: tagsOf(count),
    gap: undefined,
    staleSince: undefined,
  }));
  const many = { ...findings, repositories };
  await snapshots.save(snapshot, many, 'collection');
  expect(plain(await snapshots.latest())).toEqual(plain(many));
});

test('findings that another version wrote are not read, and that is no error', async () => {
  const file = newFile();
  await keep(file);
  change(file, 'UPDATE findings SET format = 99');
  expect(await open(file).snapshots.latest()).toBeUndefined();
});

test.for([
  'UPDATE findings SET body = zeroblob(length(body)) WHERE piece = 1',
  'DELETE FROM findings WHERE is_last = 1',
])('findings that are not those that were written are an error: %s', async (sql) => {
  const file = newFile();
  await keep(file);
  change(file, sql);
  const { snapshots } = open(file);
  await expect(snapshots.latest()).rejects.toMatchObject({
    kind: 'store',
    reason: 'the store is damaged: what the latest snapshot was counted from is not what was written',
  });
  const { snapshot, findings } = collected([image('a')]);
  await snapshots.save(snapshot, findings, 'collection');
  expect(plain(await snapshots.latest())).toEqual(plain(findings));
});

test('a registry where nothing changed costs no row, and a tag that is gone has no figures any more', async () => {
  const file = newFile();
  const store = open(file);
  for (const at of [1, 2, 3]) await store.snapshots.save(...saved(collected([image('a'), image('b')], at)));
  await store.snapshots.save(...saved(collected([image('a')], 4)));
  expect((await store.snapshots.history(tagNode('1'))).map((entry) => entry.figures)).toEqual([
    figures(100),
    figures(100),
    figures(100),
    undefined,
  ]);
  expect((await store.snapshots.history(tagNode('0'))).every((entry) => entry.figures?.sizeBytes === 100)).toBe(true);
  expect(await store.snapshots.history(tagNode('2'))).toEqual(
    (await store.snapshots.history(REGISTRY)).map((entry) => ({ ...entry, figures: undefined })),
  );
  store.close();
  // Registry, namespace, repository and two tags; then the first three changed, and a tag went.
  expect(ask(file, 'SELECT count(*) AS rows FROM figures')).toEqual({ rows: 5 + 4 });
});

test('a save that was cut off is not seen, and the next one takes it away', async () => {
  const file = newFile();
  const store = open(file);
  await store.snapshots.save(...saved(collected([image('a')], 1)));
  const cutOff = expect(store.snapshots.save(...saved(collected([image('b')], 2)))).rejects.toMatchObject({
    reason: 'the store is closed',
  });
  for (let i = 0; i < 4; i++) await new Promise(setImmediate);
  store.close();
  await cutOff;
  expect(ask(file, `SELECT count(*) AS begun FROM snapshot WHERE state = 'coming'`)).toEqual({ begun: 1 });
  const again = open(file);
  expect(await ids(again)).toEqual([new Date(1).toISOString()]);
  expect((await again.snapshots.latest())?.startedAt).toBe(1);
  await again.snapshots.save(...saved(collected([image('c')], 3)));
  expect(await ids(again)).toEqual([1, 3].map((at) => new Date(at).toISOString()));
  again.close();
  expect(ask(file, 'SELECT count(*) AS all_there FROM snapshot')).toEqual({ all_there: 2 });
});

test('snapshots that are saved at the same time are both kept', async () => {
  const store = open(':memory:');
  await Promise.all([1, 2].map((at) => store.snapshots.save(...saved(collected([image(`${at}`)], at)))));
  expect(await ids(store)).toEqual([1, 2].map((at) => new Date(at).toISOString()));
  expect((await store.snapshots.latest())?.startedAt).toBe(2);
});

test('every snapshot is kept for a week, and the last one of a day for a year', async () => {
  let now = Date.UTC(2026, 0, 1);
  const store = open(':memory:', () => now);
  for (; now < Date.UTC(2027, 1, 1); now += 6 * HOUR_MS) await store.snapshots.save(...saved(collected([], now)));
  const found = await ids(store);
  const ageOf = (id: string): number => now - Date.parse(id);
  expect(found.filter((id) => ageOf(id) <= 7 * DAY_MS).length).toBe(7 * 4);
  const old = found.filter((id) => ageOf(id) > 7.25 * DAY_MS);
  expect(old.every((id) => id.endsWith('T18:00:00.000Z'))).toBe(true);
  expect(old.length).toBe(365 - 7);
});

test('of what notifications brought the last one of every hour is kept for a week', async () => {
  let now = Date.UTC(2026, 0, 1);
  const file = newFile();
  const store = open(file, () => now);
  for (let i = 0; now < Date.UTC(2026, 0, 10); i++, now += 20 * 60_000) {
    await store.snapshots.save(...saved(collected([], now), i % 36 === 0 ? 'collection' : 'notification'));
  }
  const found = (await ids(store)).map((id) => id.slice('yyyy-mm-'.length, 'yyyy-mm-ddThh:mm'.length));
  expect(found.filter((id) => id.startsWith('05T'))).toEqual(
    Array.from({ length: 24 }, (_, hour) => `05T${String(hour).padStart(2, '0')}`).flatMap((hour, i) => [
      ...(i % 12 === 0 ? [`${hour}:00`] : []),
      `${hour}:40`,
    ]),
  );
  expect(found.slice(0, 2)).toEqual(['01T23:40', '02T23:40']);
  store.close();
});

test('of what could not be read the words are kept with a collection, and the count also with a notification', async () => {
  const file = newFile();
  const store = open(file);
  const gaps = [{ repository: 'group/other', code: 'forbidden', reason: 'no' } as const];
  for (const occasion of ['collection', 'notification'] as const) {
    const { snapshot, findings } = collected([]);
    await store.snapshots.save({ ...snapshot, gaps }, findings, occasion);
  }
  store.close();
  expect(
    ask(file, 'SELECT json_group_array(gaps_count) AS counts, json_group_array(json(gaps)) AS gaps FROM snapshot'),
  ).toEqual({ counts: '[1,1]', gaps: JSON.stringify([gaps, []]) });
});

test('starts with the clock years ahead cost no more than a day each', async () => {
  let now = Date.UTC(2026, 0, 1);
  const file = newFile();
  let store = open(file, () => now);
  for (; now < Date.UTC(2026, 0, 6); now += 6 * HOUR_MS) await store.snapshots.save(...saved(collected([], now)));
  const before = await ids(store);
  for (const years of [5, 0, -3, 10]) {
    store.close();
    now = Date.UTC(2026 + years, 0, 6);
    store = open(file, () => now);
    for (let i = 0; i < 3; i++, now += 60_000) await store.snapshots.save(...saved(collected([], now)));
  }
  expect((await ids(store)).slice(0, before.length)).toEqual(before);
});

/* A twin that keeps everything in full, and looks at all that there ever was to know what still is. */
interface Saved {
  readonly at: number;
  readonly occasion: SnapshotOccasion;
  readonly nodes: ReadonlyMap<string, Figures>;
}

const SHORT: Retention = { allMs: 2 * DAY_MS, dailyMs: 6 * DAY_MS };
const NODES = ['registry', 'namespace a', 'namespace a-b', 'repository a', 'repository a-b', 'repository a/b'];
const TAGS = ['tag a 1', 'tag a 10', 'tag a 2', 'tag a-b 1', 'tag a/b 1'];

test('on random series of snapshots every node has the figures of a twin that keeps all of them in full', async () => {
  const size = fc.constantFrom(undefined, null, 1, 2);
  const sizes = fc.array(size, { minLength: 11, maxLength: 11 });
  // The clock may step back, and years ahead.
  const minutes = fc.oneof(
    { weight: 9, arbitrary: fc.nat(40 * 60) },
    { weight: 9, arbitrary: fc.nat(40) },
    fc.constantFrom(-90, -9_000_000, 9_000_000),
  );
  const occasion = fc.constantFrom<SnapshotOccasion>('collection', 'notification');
  const step = fc.record({ minutes, sizes, occasion });
  const series = fc.array(fc.oneof(step, fc.constant('again' as const)), { maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(series, async (steps) => {
      const file = newFile();
      let now = Date.UTC(2026, 0, 1, 12);
      let store = open(file, () => now, SHORT);
      let all: readonly Saved[] = [];
      let gone: ReadonlySet<Saved> = new Set();
      const isKept = (one: Saved): boolean => !gone.has(one);
      const save = async (sizesNow: typeof sizes extends fc.Arbitrary<infer T> ? T : never, why: SnapshotOccasion) => {
        gone = new Set(all.filter((one) => gone.has(one) || !isWorthKeeping(one, all, now)));
        const next = { at: now, occasion: why, nodes: nodesOf(sizesNow) };
        all = [...all, next];
        gone = new Set(all.filter((one) => gone.has(one) || isThinned(one, all)));
        await store.snapshots.save(toSnapshot(next.nodes, now), collected([]).findings, why);
        await compare(store, all.filter(isKept));
      };
      for (const one of steps) {
        if (one === 'again') {
          store.close();
          store = open(file, () => now, SHORT);
        } else {
          now += one.minutes * 60_000;
          await save(one.sizes, one.occasion);
        }
      }
      // What is leaving is gone with the next one.
      await save([], 'collection');
      store.close();
      expect(ask(file, 'SELECT count(*) AS rows FROM figures')).toEqual({ rows: countChanges(all.filter(isKept)) });
      expect(ask(file, 'PRAGMA foreign_key_check')).toEqual({});
    }),
    { numRuns: 60 },
  );
});

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 'yyyy-mm-dd'.length);
const hourOf = (at: number): string => new Date(at).toISOString().slice(0, 'yyyy-mm-ddThh'.length);

function isWorthKeeping(one: Saved, all: readonly Saved[], now: number): boolean {
  const later = all.slice(all.indexOf(one) + 1);
  if (later.length === 0) return true;
  let [age, before] = [0, one.at];
  for (const at of [...later.map((next) => next.at), now]) {
    age += Math.min(Math.max(at - before, 0), DAY_MS);
    before = at;
  }
  return age <= (later.some(({ at }) => dayOf(at) === dayOf(one.at)) ? SHORT.allMs : SHORT.dailyMs);
}

function isThinned(one: Saved, all: readonly Saved[]): boolean {
  const later = all.slice(all.indexOf(one) + 1);
  const isSame = ({ at, occasion }: Saved): boolean => occasion === 'notification' && hourOf(at) === hourOf(one.at);
  return isSame(one) && later.some(isSame);
}

/** Figures by node: the registry is always there, and a tag only with its repository. */
function nodesOf(sizes: readonly (number | null | undefined)[]): ReadonlyMap<string, Figures> {
  const nodes = new Map([['registry', figures(0)]]);
  for (const [i, node] of [...NODES, ...TAGS].entries()) {
    const [kind, path] = node.split(' ');
    const size = sizes[i];
    if (size !== undefined && (kind !== 'tag' || nodes.has(`repository ${path}`))) nodes.set(node, figures(size));
  }
  return nodes;
}

async function compare(store: Store, kept: readonly Saved[]): Promise<void> {
  for (const node of [...NODES, ...TAGS]) {
    const [kind, path = '', tag = ''] = node.split(' ');
    const history = await store.snapshots.history({ kind: kind as NodeName['kind'], path, tag });
    expect(history.map((entry) => [entry.finishedAt, entry.figures])).toEqual(
      kept.map(({ at, nodes }) => [at, nodes.get(node)]),
    );
  }
}

function countChanges(kept: readonly Saved[]): number {
  let changes = 0;
  for (const node of [...NODES, ...TAGS]) {
    let before: Figures | undefined;
    for (const { nodes } of kept) {
      if (nodes.get(node)?.sizeBytes !== before?.sizeBytes || nodes.has(node) !== (before !== undefined)) changes++;
      before = nodes.get(node);
    }
  }
  return changes;
}

function toSnapshot(nodes: ReadonlyMap<string, Figures>, at: number): Snapshot {
  const of = (kind: string) =>
    [...nodes].flatMap(([node, found]) => {
      const [ofKind, path = '', tag = ''] = node.split(' ');
      return ofKind === kind ? [{ ...found, path, tag }] : [];
    });
  const tagsOf = (repository: string): readonly TagFigures[] =>
    of('tag')
      .filter(({ path }) => path === repository)
      .map((tag) => ({ ...tag, name: tag.tag as TagName, status: 'ok', manifest: null, lastPulledAt: null }));
  const repositories = of('repository').map((one): RepositoryUsage => {
    return { ...one, name: one.path as RepositoryName, namespace: undefined, tags: tagsOf(one.path), staleSince: null };
  });
  const namespaces = of('namespace').map((one): NamespaceUsage => ({ ...one, namespace: undefined }));
  return { ...collected([], at).snapshot, figures: nodes.get('registry') ?? figures(0), namespaces, repositories };
}

test('what is not used any more is removed a month later, and what comes back in time is not', async () => {
  let now = 1_000 * DAY_MS;
  const store = open(newFile(), () => now, RETENTION);
  const [used, gone, back] = [image('used'), image('gone'), image('back')];
  const all = [used, gone, back];
  for (const manifest of all) {
    await store.catalogue.saveManifest(manifest);
    for (const blob of childrenOf(manifest)) {
      await store.catalogue.saveImageConfig(blob, { createdAt: 1, platform: undefined });
      await store.catalogue.saveBlobBytes(blob, 1);
    }
  }
  const app = 'group/app' as RepositoryName;
  const pulls = all.map(({ digest: reference }) => ({ repository: app, reference, at: now }));
  await store.catalogue.savePulls([
    ...pulls,
    { repository: app, reference: '0' as TagName, at: now },
    { repository: app, reference: '9' as TagName, at: now },
    { repository: 'not/there' as RepositoryName, reference: used.digest, at: now },
  ]);
  const left = async (): Promise<unknown> => ({
    manifests: (await store.catalogue.manifests(all.map(({ digest: manifest }) => manifest))).size,
    configs: (await store.catalogue.imageConfigs(all.flatMap(childrenOf))).size,
    blobs: (await store.catalogue.blobBytes(all.flatMap(childrenOf))).size,
    pulls: (await store.catalogue.pulls(app)).size,
    strayPulls: (await store.catalogue.pulls('not/there' as RepositoryName)).size,
  });
  const before = { manifests: 3, configs: 6, blobs: 6, pulls: 5, strayPulls: 1 };
  await store.snapshots.save(...saved(collected([used])));
  now += 20 * DAY_MS;
  await store.snapshots.save(...saved(collected([used, back])));
  now += 9 * DAY_MS;
  await store.snapshots.save(...saved(collected([used])));
  expect(await left()).toEqual(before);
  now += 2 * DAY_MS;
  await store.snapshots.save(...saved(collected([used])));
  expect(await left()).toEqual({ manifests: 2, configs: 4, blobs: 4, pulls: 2, strayPulls: 0 });
  expect([...(await store.catalogue.manifests([back.digest])).keys()]).toEqual([back.digest]);
});

test('what is not used any more stays while a crawl is unfinished, which may have met it again', async () => {
  let now = 1_000 * DAY_MS;
  const { catalogue, snapshots } = open(':memory:', () => now, RETENTION);
  const [used, back] = [image('used'), image('back')];
  for (const manifest of [used, back]) await catalogue.saveManifest(manifest);
  const left = async () => (await catalogue.manifests([back.digest])).size;
  await snapshots.save(...saved(collected([used])));
  now += 31 * DAY_MS;
  await catalogue.begin({ startedAt: now, isThorough: false });
  await snapshots.save(...saved(collected([used]), 'notification'));
  expect(await left()).toBe(1);
  await catalogue.finish(new Set(), new Set());
  await snapshots.save(...saved(collected([used, back])));
  expect(await left()).toBe(1);
  now += 31 * DAY_MS;
  await snapshots.save(...saved(collected([used])));
  expect(await left()).toBe(1);
  now += 31 * DAY_MS;
  await snapshots.save(...saved(collected([used])));
  expect(await left()).toBe(0);
});

test('a crawl that begins while what is not used is removed ends that, and the next snapshot goes on with it', async () => {
  let now = 1_000 * DAY_MS;
  const { catalogue, snapshots } = open(':memory:', () => now, RETENTION);
  const many = Array.from({ length: 2_500 }, (_, i) => digestOf(`${i}`));
  for (const blob of many) await catalogue.saveBlobBytes(blob, 1);
  const left = async () => (await catalogue.blobBytes(many)).size;
  await snapshots.save(...saved(collected([])));
  now += 31 * DAY_MS;
  const save = snapshots.save(...saved(collected([])));
  while ((await catalogue.blobBytes(many.slice(0, 1))).size > 0) await new Promise(setImmediate);
  await catalogue.begin({ startedAt: now, isThorough: false });
  const stayed = await left();
  await save;
  expect([await left(), stayed > 0]).toEqual([stayed, true]);
  await catalogue.abandon();
  await snapshots.save(...saved(collected([])));
  expect(await left()).toBe(0);
});

function childrenOf({ manifest }: StoredManifest): readonly Digest[] {
  return manifest.kind === 'image' ? [manifest.config, ...manifest.layers].map(({ digest: child }) => child) : [];
}

function saved(
  { snapshot, findings }: ReturnType<typeof collected>,
  occasion: SnapshotOccasion = 'collection',
): [Snapshot, CrawlResult, SnapshotOccasion] {
  return [snapshot, findings, occasion];
}

function tagNode(tag: string): NodeName {
  return { kind: 'tag', path: 'group/app', tag };
}

/** A store with one snapshot, closed again. */
async function keep(file: string): Promise<void> {
  const store = open(file);
  await store.snapshots.save(...saved(collected([image('a')])));
  store.close();
}

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}
