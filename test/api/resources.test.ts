import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/domain/graph/graph-builder.ts';
import type { Descriptor } from '../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { TagResult } from '../../src/domain/snapshot/crawl-result.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { toSnapshot } from '../../src/domain/snapshot/to-snapshot.ts';
import type { CrawlStatus } from '../../src/ports.ts';
import { NOTHING_CRAWLED } from '../support/sample-crawl-stats.ts';
import { config, digest, layer } from '../support/sample-graph.ts';
import { SAMPLE_COLLECTOR } from '../support/sample-snapshot.ts';
import { createTestServer } from '../support/server.ts';

/* The resources of a small registry whose figures can be added up by hand, below a prefix:
 *
 *   a/base:1      image  500 + config 7 + base 100
 *   a/b:multi     index  300 = { linux/amd64: image 500 + config 7 + base 100 + x 10, linux/arm64: not stored }
 *   x:1           image  500 + config 7 + x 10          x/tags:1   the same image */
const CREATED_AT = Date.UTC(2024, 4, 6, 7, 8, 9);

function sampleSnapshot(): Snapshot {
  const builder = new GraphBuilder();
  const mediaType = MANIFEST_TYPES.ociManifest;
  const image = (name: string, ...layers: Descriptor[]) =>
    builder.addManifest(digest(name), 500, { kind: 'image', mediaType, config, layers });
  const base = image('base image', layer('base', 100));
  image('amd64', layer('base', 100), layer('x', 10));
  const multi = builder.addManifest(digest('multi'), 300, {
    kind: 'index',
    mediaType: MANIFEST_TYPES.ociIndex,
    manifests: [
      { mediaType, digest: digest('amd64'), sizeBytes: 500, platform: 'linux/amd64' },
      { mediaType, digest: digest('arm64'), sizeBytes: 500, platform: 'linux/arm64' },
    ],
  });
  const x = image('x image', layer('x', 10));
  builder.addImageConfig(config.digest, { createdAt: CREATED_AT, platform: 'linux/s390x' });
  const tag = (name: string, root: number) => ({ name: name as TagName, root, lastPulledAt: undefined });
  const repository = (name: string, ...tags: TagResult[]) => ({
    name: name as RepositoryName,
    tags,
    gap: undefined,
    staleSince: undefined,
  });
  const secret = 'secret' as RepositoryName;
  const gap = { repository: secret, code: 'forbidden' as const, reason: 'the user may not read the repository' };
  return toSnapshot({
    graph: builder.build(),
    repositories: [
      repository('a/base', tag('1', base)),
      repository('a/b', tag('multi', multi)),
      repository('x', tag('1', x)),
      repository('x/tags', tag('1', x)),
      { ...repository('secret'), gap },
    ],
    garbageCollector: SAMPLE_COLLECTOR,
    illegal: new Set(),
    startedAt: 1_700_000_000_000,
    finishedAt: 1_700_000_060_000,
  });
}

let server: FastifyInstance;
let latest: Snapshot | undefined = sampleSnapshot();
let state: CrawlStatus = {
  running: undefined,
  failure: undefined,
  lastFinishedAt: undefined,
  recrawlQueueLength: 0,
  nextAt: 1_700_003_600_000,
};
let requested = 0;
let rest = 0;

beforeAll(async () => {
  ({ server } = createTestServer({
    snapshots: { latest: () => latest },
    scheduler: {
      status: () => state,
      stats: () => NOTHING_CRAWLED,
      request() {
        requested++;
        return rest > 0 ? { retryAfterMs: rest } : state.running === undefined ? 'started' : 'running';
      },
    },
    clock: () => 1_700_000_070_000,
  }));
  await server.ready();
});

afterAll(() => server.close());

async function ask(path: string, method: 'GET' | 'POST' | 'PUT' | 'OPTIONS' | 'HEAD' = 'GET') {
  const answer = await server.inject({
    method,
    url: `/usage${path}`,
    headers: { authorization: 'Bearer good', origin: 'https://page.example' },
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body === '' ? undefined : answer.json() };
}

async function read(path: string) {
  const { status, body } = await ask(path);
  expect(status, path).toBe(200);
  return body;
}

const figures = (deduplicated: number, reclaimable: number, metadata: number) => ({
  deduplicated_bytes: deduplicated,
  reclaimable_bytes: reclaimable,
  shared_bytes: deduplicated - reclaimable,
  metadata_bytes: metadata,
  database_bytes: 0,
});

describe('figures', () => {
  test('of the registry count each blob once, and show what is missing', async () => {
    const total = 500 * 3 + 300 + 7 + 110;
    expect(await read('/repositories')).toEqual({
      timestamp: 1_700_000_060,
      snapshot: '2023-11-14T22:14:20.000Z',
      started_at: '2023-11-14T22:13:20.000Z',
      finished_at: '2023-11-14T22:14:20.000Z',
      size: 230,
      disk_size: 110,
      ...figures(total, total, total - 110),
      tags_count: 4,
      complete: false,
      repositories_count: 5,
      garbage_collector: SAMPLE_COLLECTOR,
      configs_pending: 0,
      gaps_count: 2,
      stale_repositories_count: 0,
      kinds: [
        { kind: 'image', tags_count: 3, bytes: total - 300 },
        { kind: 'index', tags_count: 1, bytes: 300 },
      ],
    });
  });

  test('of a repository that could not be read are null, not 0', async () => {
    expect(await read('/repositories/secret')).toEqual({
      name: 'secret',
      size: null,
      disk_size: null,
      deduplicated_bytes: null,
      reclaimable_bytes: null,
      shared_bytes: null,
      metadata_bytes: null,
      database_bytes: null,
      tags_count: 0,
      complete: false,
      stale_since: null,
    });
  });

  test('of a tag show its kind, and that a part of it is missing', async () => {
    expect(await read('/repositories/a%2Fb/tags/multi')).toEqual({
      name: 'multi',
      size: 110,
      disk_size: 0,
      ...figures(917, 800, 807),
      tags_count: 1,
      complete: false,
      status: 'incomplete',
      digest: digest('multi'),
      media_type: MANIFEST_TYPES.ociIndex,
      kind: 'index',
      platforms: ['linux/amd64', 'linux/arm64'],
      created_at: '2024-05-06T07:08:09.000Z',
      last_pulled_at: null,
      layers_count: 2,
      tag_created_at: null,
      tag_updated_at: null,
      published_at: null,
    });
    expect(await read('/repositories/x/tags/1')).toMatchObject({ status: 'ok', ...figures(517, 0, 507) });
  });
});

describe('namespaces', () => {
  test('sum up their repositories by path segment', async () => {
    expect(await read('/namespaces/a')).toMatchObject({
      name: 'a',
      tags_count: 2,
      ...figures(1417, 1400, 1307),
      namespaces_count: 0,
      repositories_count: 2,
    });
    expect(await read('/namespaces/x')).toMatchObject({ name: 'x', ...figures(517, 500, 507), tags_count: 2 });
  });

  test('embed and link their children, and link to their parent', async () => {
    const top = await read('/namespaces?embed=2&links=true');
    expect(top._embedded.child_namespaces.map((one: { name: string }) => one.name)).toEqual(['a', 'x']);
    expect(top._embedded.child_repositories.map((one: { name: string }) => one.name)).toEqual(['secret']);
    const [a, x] = top._embedded.child_namespaces;
    expect(a._embedded.child_repositories[0]).toMatchObject({ name: 'a/b' });
    expect(a._embedded.child_repositories[0]._embedded).toBeUndefined();
    expect(a._links.up).toEqual({ href: '/usage/namespaces' });
    // A path can be a repository and a namespace at the same time.
    expect(x._links.child_repositories).toEqual([
      { href: '/usage/repositories/x', title: 'x' },
      { href: '/usage/repositories/x%2Ftags', title: 'x/tags' },
    ]);
    const everything = await read('/namespaces?embed=true');
    expect(
      everything._embedded.child_namespaces[0]._embedded.child_repositories[0]._embedded.related._embedded.items,
    ).toHaveLength(1);
  });

  test('are found by an encoded or a plain path; a missing one is 404 with its name', async () => {
    const { status, body } = await ask('/namespaces/no%2Fsuch');
    expect([status, body.detail]).toEqual([404, 'The resource "/usage/namespaces/no%2Fsuch" does not exist']);
    expect((await ask('/namespaces/a/base')).status).toBe(404);
    expect((await ask('/namespaces/')).status).toBe(404);
  });
});

test('a missing tag of a repository whose name contains /tags is named as it was asked for', async () => {
  const { status, body } = await ask('/repositories/group%2Ftags/tags/nope');
  expect([status, body.detail]).toEqual([
    404,
    'The resource "/usage/repositories/group%2Ftags/tags/nope" does not exist',
  ]);
});

test.each([
  '/repositories?order_by=none',
  '/repositories?page=0',
  '/repositories/a%2Fb/tags?sort=up',
  '/namespaces?per_page=1001',
])('names the wrong parameter of %s with 400, also if the snapshot is gone', async (path) => {
  expect((await ask(path)).status).toBe(400);
  expect((await ask(`${path}&snapshot=gone`)).status).toBe(400);
  expect((await ask(`${path.split('?')[0]}?snapshot=gone`)).status).toBe(410);
});

test('a missing path that is longer than all names is named as a whole', async () => {
  const path = `${'a/tags/'.repeat(300)}x`;
  const { status, body } = await ask(`/repositories/${path}`);
  expect([status, body.detail]).toEqual([
    404,
    `The resource "/usage/repositories/${encodeURIComponent(path)}" does not exist`,
  ]);
});

describe('blobs', () => {
  test('of a tag have their bytes, their platforms, and the number of other tags', async () => {
    const answer = await read('/repositories/a%2Fb/tags/multi/blobs?embed=1&links=1');
    expect(answer).toMatchObject({ blobs_count: 6, deduplicated_bytes: 917, complete: false });
    const blobs: { digest: string; kind: string; bytes: number | null; platforms: string[]; shared: boolean }[] =
      answer._embedded.items;
    const of = (name: string) => blobs.find((blob) => blob.digest === digest(name));
    expect(blobs[0]).toMatchObject({ digest: digest('multi'), kind: 'index', bytes: 300, platforms: [] });
    expect(of('amd64')).toMatchObject({ kind: 'image', bytes: 500, platforms: ['linux/amd64'], shared: false });
    expect(of('base')).toMatchObject({ kind: 'layer', bytes: 100, tags_count: 2, repositories_count: 2, shared: true });
    expect(of('x')).toMatchObject({ kind: 'layer', tags_count: 3, repositories_count: 3 });
    expect(of('config')).toMatchObject({ kind: 'config', tags_count: 4, platforms: ['linux/amd64'] });
    expect(of('arm64')).toMatchObject({ kind: 'manifest', bytes: null, platforms: ['linux/arm64'] });
  });

  test('of the registry come page by page, the largest first', async () => {
    const first = await read('/blobs?per_page=3&embed=1&links=true');
    expect(first).toMatchObject({ blobs_count: 8, page: 1, per_page: 3, deduplicated_bytes: 1917 });
    expect(first._embedded.items.map((blob: { bytes: number }) => blob.bytes)).toEqual([500, 500, 500]);
    expect(first._links.prev).toBeUndefined();
    expect(first._links.next).toEqual({
      href: '/usage/blobs?page=2&per_page=3&embed=1&links=true&snapshot=2023-11-14T22%3A14%3A20.000Z',
    });
    const last = await read(first._links.last.href.slice('/usage'.length));
    expect(last._embedded.items.map((blob: { bytes: number | null }) => blob.bytes)).toEqual([7, null]);
    expect(last._links.next).toBeUndefined();
    for (const query of ['per_page=0', 'per_page=1001', 'page=0', 'page=x', 'page=1.5']) {
      expect((await ask(`/blobs?${query}`)).status, query).toBe(400);
    }
  });

  test('show every tag that reaches them', async () => {
    const blob = await read(`/blobs/${encodeURIComponent(digest('x'))}?links=true&embed=true`);
    expect(blob).toMatchObject({ bytes: 10, kind: 'layer', tags_count: 3, repositories_count: 3, shared: true });
    expect(blob._links.items.map((link: { title: string }) => link.title)).toEqual(['a/b:multi', 'x:1', 'x/tags:1']);
    expect(blob._embedded.items[0]).toMatchObject({ repository: 'a/b', name: 'multi', status: 'incomplete' });
    expect((await ask(`/blobs/${digest('nobody')}`)).status).toBe(404);
  });
});

describe('the crawl', () => {
  test('shows what is missing, and why, in the gaps', async () => {
    const { gaps_count, gaps } = await read('/gaps');
    expect(gaps_count).toBe(2);
    expect(gaps.map((gap: { repository: string; code: string }) => `${gap.repository} ${gap.code}`)).toEqual([
      'a/b missing',
      'secret forbidden',
    ]);
  });

  test('shows its progress, and starts on request but not twice', async () => {
    expect(await read('/collection')).toMatchObject({
      state: 'waiting',
      running: null,
      pull_through_cache: false,
      last_failure: null,
      next_at: '2023-11-14T23:13:20.000Z',
    });
    const started = await ask('/collection', 'POST');
    expect([started.status, started.headers.location, requested]).toEqual([202, '/usage/collection', 1]);
    const progress = { repositoriesFound: 5, repositoriesRead: 2, repositoriesKept: 1, tagsFound: 50, tagsRead: 20 };
    state = {
      running: {
        startedAt: 1_700_000_060_000,
        requestsCount: 35,
        progress,
        heldUp: { since: 1_700_000_065_000, until: 1_700_000_125_000 },
      },
      failure: { at: 1_700_000_050_000, kind: 'unavailable', reason: 'down' },
      lastFinishedAt: undefined,
      recrawlQueueLength: 3,
      isPullThroughCache: true,
      nextAt: undefined,
    };
    expect(await read('/collection')).toMatchObject({
      state: 'running',
      running: { seconds: 10, requests_count: 35, requests_per_second: 3.5, tags_read: 20, tags_found: 50 },
      noticed_repositories_count: 3,
      pull_through_cache: true,
      last_failure: { at: '2023-11-14T22:14:10.000Z', reason: 'down' },
      next_at: null,
    });
    expect((await read('/collection')).running).toMatchObject({
      repositories_read: 2,
      repositories_kept: 1,
      held_up: { since: '2023-11-14T22:14:25.000Z', until: '2023-11-14T22:15:25.000Z' },
    });
    const refused = await ask('/collection', 'POST');
    expect([refused.status, refused.headers['content-type']]).toEqual([409, 'application/problem+json']);
    rest = 4200;
    const early = await ask('/collection', 'POST');
    expect([early.status, early.headers['retry-after']]).toEqual([429, '5']);
  });
});

describe('completeness', () => {
  const READ_AT = 1_699_999_000_000;
  const PULLED_AT = 1_699_999_500_000;
  const fresh = sampleSnapshot();

  /** The last crawl could not read `x`, so its figures are from an earlier one. A client has pulled `x:1`. */
  function staleSnapshot(): Snapshot {
    const repositories = fresh.repositories.map((one) =>
      one.name !== 'x'
        ? one
        : { ...one, staleSince: READ_AT, tags: one.tags.map((tag) => ({ ...tag, lastPulledAt: PULLED_AT })) },
    );
    const gap = { repository: 'x', code: 'unreadable' as const, reason: 'no answer', staleSince: READ_AT };
    return { ...fresh, repositories, gaps: [...fresh.gaps, gap] };
  }

  /** The same registry with nothing missing. */
  function completeSnapshot(): Snapshot {
    const whole = <T extends object>(figures: T): T => ({ ...figures, isComplete: true });
    const repositories = fresh.repositories.map((one) => ({ ...whole(one), tags: one.tags.map(whole) }));
    const namespaces = fresh.namespaces.map(whole);
    return { ...fresh, figures: whole(fresh.figures), namespaces, repositories, gaps: [] };
  }

  async function having<T>(snapshot: Snapshot, look: () => Promise<T>): Promise<T> {
    const before = latest;
    latest = snapshot;
    try {
      return await look();
    } finally {
      latest = before;
    }
  }

  test('shows stale_since for a repository with figures from an earlier crawl, in every resource', async () => {
    await having(staleSnapshot(), async () => {
      const since = '2023-11-14T21:56:40.000Z';
      expect(await read('/repositories/x')).toMatchObject({ name: 'x', stale_since: since });
      expect(await read('/repositories/a%2Fb')).toMatchObject({ stale_since: null });
      const root = await read('/repositories?embed=1');
      expect([root.stale_repositories_count, root.gaps_count]).toEqual([1, 3]);
      expect(root._embedded.items.map((one: { stale_since: string | null }) => one.stale_since)).toContain(since);
      const { gaps } = await read('/gaps');
      expect(gaps.map((gap: { stale_since: string | null }) => gap.stale_since)).toEqual([null, null, since]);
      const { complete, gaps_count, stale_repositories_count } = await read('/collection');
      expect([complete, gaps_count, stale_repositories_count]).toEqual([false, 3, 1]);
    });
  });

  test('shows the last pull of a tag, if the registry has sent one', async () => {
    await having(staleSnapshot(), async () => {
      const of = async (path: string) => (await read(path)).last_pulled_at;
      expect(await of('/repositories/x/tags/1')).toBe('2023-11-14T22:05:00.000Z');
      expect(await of('/repositories/x%2Ftags/tags/1')).toBeNull();
    });
  });

  test('shows in every resource whether it is complete: its own figures, or else those of the registry', async () => {
    const blob = `/blobs/${encodeURIComponent(digest('x'))}`;
    const ofTheRegistry = ['/repositories', '/namespaces', '/blobs', blob, '/gaps', '/collection'];
    const below = (name: string, tag: string) =>
      ['', '/tags', `/tags/${tag}`, `/tags/${tag}/blobs`].map((rest) => `/repositories/${name}${rest}`);
    const complete = async (path: string) => [path, (await read(path)).complete];
    for (const path of [...ofTheRegistry, '/namespaces/a', ...below('a%2Fb', 'multi')]) {
      expect(await complete(path)).toEqual([path, false]);
    }
    for (const path of below('x%2Ftags', '1')) expect(await complete(path)).toEqual([path, true]);
    await having(completeSnapshot(), async () => {
      for (const path of [...ofTheRegistry, '/namespaces/a', ...below('a%2Fb', 'multi')]) {
        expect(await complete(path)).toEqual([path, true]);
      }
    });
  });

  test('shows the blobs of a complete tag as incomplete if the registry is not complete', async () => {
    const { complete, _embedded } = await read('/repositories/x%2Ftags/tags/1/blobs?embed=1');
    expect(complete).toBe(true);
    expect(_embedded.items.map((one: { complete: boolean }) => one.complete)).toEqual([false, false, false]);
  });
});

describe('access', () => {
  test('serves the entry point without a token, and each of its links leads to a resource', async () => {
    for (const url of ['/usage', '/usage/']) {
      const { statusCode, headers } = await server.inject({ url });
      expect([statusCode, headers['content-type']]).toEqual([200, 'application/hal+json']);
    }
    const { name, version, _links } = await read('/');
    expect([name, version]).toEqual(['gitlab-registry-usage-rest', '1.2.3']);
    const values: Readonly<Record<string, string>> = {
      name: 'a%2Fb',
      tag: 'multi',
      path: 'a',
      digest: encodeURIComponent(digest('x')),
    };
    for (const [relation, { href }] of Object.entries<{ href: string }>(_links)) {
      const path = href
        .replaceAll(/\{\?[^}]*\}/g, '')
        .replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
      const { statusCode } = await server.inject({ url: path, headers: { authorization: 'Bearer good' } });
      expect(statusCode, relation).toBe(relation === 'auth_token' ? 401 : 200);
    }
  });

  test('returns 401 for all other resources without a token', async () => {
    for (const path of ['/repositories', '/namespaces', '/namespaces/a', '/blobs', '/gaps', '/collection']) {
      const { statusCode, headers } = await server.inject({ url: `/usage${path}` });
      expect([statusCode, headers['www-authenticate']], path).toEqual([
        401,
        'Bearer realm="gitlab-registry-usage-rest"',
      ]);
    }
    const refused = await server.inject({ method: 'POST', url: '/usage/collection' });
    expect(refused.statusCode).toBe(401);
  });

  test('returns 405 before it reads a body, and lets pages of other origins read it', async () => {
    for (const [path, allow] of [
      ['/repositories', 'GET, HEAD, OPTIONS'],
      ['/repositories/a%2Fb', 'GET, HEAD, OPTIONS'],
      ['/repositories/%zz', 'GET, HEAD, OPTIONS'],
      ['/collection', 'GET, HEAD, OPTIONS, POST'],
    ] as const) {
      const answer = await server.inject({
        method: 'PUT',
        url: `/usage${path}`,
        headers: { 'content-type': 'application/json', origin: 'https://page.example' },
        payload: '{broken',
      });
      expect([answer.statusCode, answer.headers.allow], path).toEqual([405, allow]);
      expect(answer.headers['access-control-allow-origin']).toBe('https://page.example');
    }
    const allowed = await ask('/collection', 'OPTIONS');
    expect([allowed.status, allowed.headers.allow]).toEqual([200, 'GET, HEAD, OPTIONS, POST']);
    expect((await ask('/no/such', 'OPTIONS')).status).toBe(404);
    expect((await ask('/auth_token%zz')).status).toBe(404);
    expect((await ask('/repositories/%ff')).status).toBe(404);
    expect((await ask('/constructor')).status).toBe(404);
    expect((await ask('/gaps/more')).status).toBe(404);
  });

  test('varies by origin, so that caches keep responses for different origins apart', async () => {
    const { headers } = await ask('/repositories');
    expect(headers.vary).toBe('Origin, Accept, Accept-Encoding, Authorization');
    expect(headers['access-control-allow-origin']).toBe('https://page.example');
  });

  test('accepts parameters in a JSON body, and a content type without a body', async () => {
    const headers = { authorization: 'Bearer good', 'content-type': 'application/json' };
    const url = '/usage/repositories';
    const [empty, embedding, broken] = await Promise.all(
      ['', '{"embed":1}', '{'].map((payload) => server.inject({ method: 'GET', url, headers, payload })),
    );
    expect([empty?.statusCode, empty?.json()._embedded]).toEqual([200, undefined]);
    expect(embedding?.json()._embedded.items).toHaveLength(5);
    expect(broken?.statusCode).toBe(400);
  });

  test('accepts an absolute URL as proxies send it, and answers what is not HTTP with a problem', async () => {
    const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
    const talk = async (text: string): Promise<string> => {
      const socket = connect(Number(port), '127.0.0.1').end(text);
      return (await socket.setEncoding('utf8').toArray()).join('');
    };
    const head = 'Host: x\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n';
    expect(await talk(`GET http://proxied.example/usage/gaps HTTP/1.1\r\n${head}`)).toContain('"gaps_count":2');
    const answer = await talk('FOO BAR BAZ\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*application\/problem\+json/s);
    expect(await talk(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 .*problem\+json/s);
  });

  test('answers an ambiguous path with links that stay unambiguous if a proxy decodes them', async () => {
    const { status, body } = await ask('/repositories/x/tags');
    expect(status).toBe(300);
    const links: { href: string; title: string }[] = body._links.item;
    expect(links.map(({ title }) => title)).toEqual(['repository', 'tags']);
    for (const [i, { href }] of links.entries()) {
      for (const sent of [href, decodeURIComponent(href)]) {
        const answer = await read(`${sent.slice('/usage'.length)}&embed=1`);
        expect(answer.name, sent).toBe(i === 0 ? 'x/tags' : undefined);
      }
    }
  });
});

test('serves empty collections before the first snapshot, and 503 for everything below them', async () => {
  latest = undefined;
  for (const path of ['/repositories', '/namespaces?embed=true', '/blobs', '/gaps']) {
    expect(await read(path), path).toEqual({ timestamp: null, complete: false });
  }
  for (const path of ['/repositories/x', '/namespaces/a', `/blobs/${digest('x')}`]) {
    const { status, headers } = await ask(path);
    expect([status, headers['retry-after']], path).toEqual([503, '10']);
  }
  expect(await read('/collection')).toMatchObject({
    snapshot: null,
    last_finished_at: null,
    complete: false,
    gaps_count: null,
    stale_repositories_count: null,
  });
});
