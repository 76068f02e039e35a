import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPinnedSnapshots } from '../../../src/api/snapshot/pinned-snapshots.ts';
import type { Snapshot } from '../../../src/domain/snapshot/snapshot.ts';
import { emptySnapshot, sampleRepository, sampleTag } from '../../support/sample-snapshot.ts';
import { createTestServer } from '../../support/server.ts';

const MINUTE_MS = 60_000;
let now = 0;
let taken = 0;
let latest: Snapshot | undefined;
let origin: string;
const { server } = createTestServer({ snapshots: { latest: () => latest }, http: { steadyClock: () => now } });

beforeAll(async () => {
  origin = new URL(await server.listen({ host: '127.0.0.1', port: 0 })).origin;
});

afterAll(() => server.close());

beforeEach(() => {
  now += 60 * MINUTE_MS;
  take();
});

/** Returns a new snapshot of four repositories, whose names contain its number. */
function take(): Snapshot {
  const id = ++taken;
  const names = ['a', 'b', 'c', 'd'].map((name) => `${name}/${id}`);
  latest = {
    ...emptySnapshot(id),
    repositories: names.map((name) => sampleRepository(name, 1, 1, [sampleTag('1', 1, 1)])),
  };
  return latest;
}

async function ask(href: string, accept = 'application/hal+json') {
  const answer = await fetch(origin + href, { headers: { authorization: 'Bearer good', accept } });
  const text = await answer.text();
  const next = /<([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1] ?? '';
  return { status: answer.status, headers: answer.headers, text, next };
}

const PAGE = '/usage/repositories?per_page=1&embed=1';

async function statusOf(snapshot: Snapshot, path = '/usage/repositories'): Promise<number> {
  return (await ask(`${path}?snapshot=${encodeURIComponent(snapshot.id)}`)).status;
}

test('keeps a client on the snapshot of its first page while newer snapshots follow', async () => {
  const names: string[] = [];
  const began = latest as Snapshot;
  for (let href = PAGE; href !== ''; ) {
    const { status, text, next } = await ask(href);
    expect(status).toBe(200);
    names.push(...JSON.parse(text)._embedded.items.map(({ name }: { name: string }) => name));
    href = next;
    take();
  }
  expect(names).toEqual(began.repositories.map(({ name }) => name));
  expect((await ask(PAGE)).text).toContain(`"a/${taken}"`);
});

test('pins a snapshot even if the next one arrives while a page of it is being searched', async () => {
  const tags = Array.from({ length: 30_000 }, (_, i) => sampleTag(String(i), 1, 1));
  const searched = {
    ...emptySnapshot(++taken),
    repositories: [sampleRepository('a', 1, 1, tags)],
  };
  // The next snapshot arrives when the search reads the last name, before the page is sent.
  Object.defineProperty(searched.repositories[0]?.tags.at(-1), 'name', {
    get() {
      if (latest === searched) take();
      return 'last';
    },
  });
  latest = searched;
  const { next } = await ask('/usage/repositories/a/tags?search=1&per_page=1');
  expect(latest).not.toBe(searched);
  expect((await ask(next)).status).toBe(200);
});

test('serves every resource of a pinned snapshot, in each format', async () => {
  const began = latest as Snapshot;
  await ask(PAGE);
  take();
  const query = `?snapshot=${encodeURIComponent(began.id)}`;
  const name = began.repositories[0]?.name ?? '';
  for (const path of ['/repositories', '/namespaces', '/tags', `/repositories/${encodeURIComponent(name)}`]) {
    expect((await ask(`/usage${path}${query}`)).status, path).toBe(200);
  }
  expect((await ask(`/usage/repositories${query}`, 'text/csv')).text).toContain(`\r\n${name},1,1,`);
});

test('returns 410 for a former snapshot of which no page was served', async () => {
  const former = latest as Snapshot;
  expect(await statusOf(former)).toBe(200);
  take();
  const { status, headers, text } = await ask(`/usage/blobs?snapshot=${encodeURIComponent(former.id)}`);
  expect([status, headers.get('content-type')]).toEqual([410, 'application/problem+json']);
  expect(JSON.parse(text)).toMatchObject({
    title: 'Gone',
    detail: expect.stringContaining('snapshot'),
  });
  for (const id of ['nonsense', '__proto__', 'x'.repeat(1000)]) {
    expect((await ask(`/usage/repositories?snapshot=${id}`)).status).toBe(410);
  }
  expect((await ask('/usage/repositories?snapshot=')).status).toBe(200);
});

test('keeps the two former snapshots that were requested last', async () => {
  const seen: Snapshot[] = [];
  for (let i = 0; i < 3; i++) {
    seen.push(take());
    await ask(PAGE);
  }
  const [one, two, three] = seen as [Snapshot, Snapshot, Snapshot];
  expect(await statusOf(one)).toBe(200); // now it was asked for after the second
  take();
  expect([await statusOf(two), await statusOf(one), await statusOf(three)]).toEqual([410, 200, 200]);
});

test('releases a snapshot 15 minutes after its last page as the latest, even if requests go on', async () => {
  const former = latest as Snapshot;
  await ask(PAGE);
  take();
  for (let minute = 0; minute < 15; minute++) {
    expect(await statusOf(former), String(minute)).toBe(200);
    now += MINUTE_MS;
  }
  expect(await statusOf(former)).toBe(410);
});

test('releases a pinned snapshot without any further request', async () => {
  let current = emptySnapshot(1);
  let time = 0;
  const held = createPinnedSnapshots({ latest: () => current, steadyClock: () => time, holdMs: 20 });
  held.pin(current);
  const former = new WeakRef(current);
  current = emptySnapshot(2);
  expect(held.find(former.deref()?.id ?? '')).toBe(former.deref());
  time = 20;
  await new Promise((resolve) => setTimeout(resolve, 60));
  time = 0; // it is not there any more, whatever the time is
  expect(held.find(new Date(1).toISOString())).toBeUndefined();
});

test('releases pinned snapshots, and serves empty collections, if there is no latest snapshot', async () => {
  const former = latest as Snapshot;
  latest = undefined;
  expect(await statusOf(former)).toBe(410);
  expect(JSON.parse((await ask('/usage/tags?page=3')).text)).toEqual({ timestamp: null, complete: false });
  for (const path of ['repositories', 'tags', 'namespaces', 'blobs', 'gaps']) {
    const csv = await ask(`/usage/${path}`, 'text/csv');
    expect([csv.status, csv.text.split('\r\n').length, csv.text.slice(-2)], path).toEqual([200, 2, '\r\n']);
    expect((await ask(`/usage/${path}`, 'application/x-ndjson')).text, path).toBe('');
  }
});

test('keeps one former snapshot of a large registry', async () => {
  const large = (): Snapshot => {
    const snapshot = take();
    latest = { ...snapshot, figures: { ...snapshot.figures, tagsCount: 60_000 } };
    return latest;
  };
  const snapshots: Snapshot[] = [];
  for (let i = 0; i < 3; i++) {
    snapshots.push(large());
    await ask(PAGE);
  }
  const [first, second, third] = snapshots as [Snapshot, Snapshot, Snapshot];
  expect(await statusOf(first)).toBe(410);
  expect(await statusOf(second)).toBe(200);
  expect(await statusOf(third)).toBe(200);
});
