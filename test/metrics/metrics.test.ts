import type { FastifyInstance } from 'fastify';
import { describe, expect, test } from 'vitest';
import type { Figures, RepositoryUsage, Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { NOTHING_CRAWLED } from '../support/sample-crawl-stats.ts';
import { figures } from '../support/sample-registry-content.ts';
import { emptySnapshot, sampleRepository } from '../support/sample-snapshot.ts';
import { createTestServer, NOW, type TestServerOptions, WAITING } from '../support/server.ts';

const TOKEN = 'the token of Prometheus';
const OPEN = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

/** A repository whose tags the metrics must not read: there could be 100,000. */
function repository(name: string, bytes: number | null, tagsCount = 1): RepositoryUsage {
  return Object.defineProperty({ ...sampleRepository(name, 0, 0, []), ...figures(bytes, tagsCount) }, 'tags', {
    get: () => expect.fail('the tags were read'),
  });
}

function snapshot(repositories: readonly RepositoryUsage[], changes: Partial<Snapshot> = {}): Snapshot {
  return { ...emptySnapshot(NOW - 90_000), figures: figures(350, 6), repositories, ...changes };
}

function serverOf(latest: () => Snapshot | undefined, changes: TestServerOptions = {}): FastifyInstance {
  return createTestServer({ snapshots: { latest }, metricsToken: TOKEN, ...changes }).server;
}

async function scrape(server: FastifyInstance, headers: Record<string, string> = {}) {
  return server.inject({ url: '/usage/metrics', headers: { authorization: `Bearer ${TOKEN}`, ...headers } });
}

/** Returns the values of the service's own series by name, without the prefix. */
async function series(server: FastifyInstance): Promise<Record<string, number>> {
  const { statusCode, body } = await scrape(server);
  expect(statusCode).toBe(200);
  const lines = body.split('\n').filter((line) => line.startsWith('registry_usage_'));
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice('registry_usage_'.length, end), Number(line.slice(end + 1))];
    }),
  );
}

const named = (all: Record<string, number>, start: string) => Object.keys(all).filter((name) => name.startsWith(start));

describe('the figures', () => {
  test('are those of the last snapshot, for the registry, each top-level namespace and each repository', async () => {
    const namespace = (path: string, above: string | undefined, of: Figures) => ({ ...of, path, namespace: above });
    const all = await series(
      serverOf(() =>
        snapshot([repository('group/app', 300, 4), Object.assign(repository('single', 70, 2), { staleSince: 5 })], {
          namespaces: [namespace('group', undefined, figures(300, 4)), namespace('group/sub', 'group', figures(1, 1))],
          gaps: [{ repository: 'x', code: 'forbidden', reason: 'no' }],
        }),
      ),
    );
    expect(all).toMatchObject({
      deduplicated_bytes: 350,
      reclaimable_bytes: 350,
      size_bytes: 350,
      disk_size_bytes: 350,
      metadata_bytes: 350,
      tags: 6,
      repositories: 2,
      stale_repositories: 1,
      'namespace_deduplicated_bytes{namespace="group"}': 300,
      'namespace_tags{namespace="group"}': 4,
      'repository_reclaimable_bytes{repository="group/app"}': 300,
      'repository_tags{repository="single"}': 2,
      'gaps{code="forbidden"}': 1,
      'gaps{code="missing"}': 0,
      snapshot_timestamp_seconds: (NOW - 90_000) / 1000,
      snapshot_age_seconds: 90,
      snapshot_complete: 1,
      namespaces_left_out: 0,
      repositories_left_out: 0,
    });
    expect(named(all, 'namespace_size_bytes')).toEqual(['namespace_size_bytes{namespace="group"}']);
  });

  test('are absent if they are unknown', async () => {
    const of = figures(null, 0);
    const all = await series(serverOf(() => snapshot([repository('secret', null, 0)], { figures: of })));
    expect(named(all, 'repository_')).toEqual([]);
    for (const name of ['deduplicated_bytes', 'reclaimable_bytes', 'size_bytes', 'tags'])
      expect(all).not.toHaveProperty(name);
    expect(all).toMatchObject({ repositories: 1, snapshot_complete: 0 });
    const broken = await series(serverOf(() => snapshot([repository('broken', null, 3)])));
    expect(named(broken, 'repository_')).toEqual(['repository_tags{repository="broken"}']);
  });

  test('are absent before the first snapshot', async () => {
    const all = await series(serverOf(() => undefined));
    const before = ['collection', 'collected', 'collections', 'registry', 'noticed', 'http'];
    expect(Object.keys(all).filter((name) => !before.includes(name.split('_')[0] ?? ''))).toEqual([]);
  });

  test('are those of the largest repositories, with the number of the others', async () => {
    const names = Array.from({ length: 250 }, (_, i) => repository(`r${i}`, i === 7 ? null : (i * 7919) % 251));
    const metrics = { namespacesLimit: 100, repositoriesLimit: 3 };
    const all = await series(serverOf(() => snapshot(names), { metrics }));
    const sizes = named(all, 'repository_deduplicated_bytes').map((name) => all[name]);
    expect(sizes.toSorted()).toEqual([248, 249, 250]);
    expect(all).toMatchObject({ repositories: 250, repositories_left_out: 247 });
  });

  test('have no series for repositories that the last snapshot does not contain', async () => {
    let latest = snapshot([repository('old', 1), repository('both', 2)]);
    const server = serverOf(() => latest);
    await series(server);
    latest = snapshot([repository('both', 3), repository('new', null)]);
    const all = await series(server);
    expect(named(all, 'repository_deduplicated_bytes')).toEqual(['repository_deduplicated_bytes{repository="both"}']);
    expect(all).toMatchObject({ 'repository_deduplicated_bytes{repository="both"}': 3 });
  });

  test('escape any name', async () => {
    const { body } = await scrape(serverOf(() => snapshot([repository('a"} 1\nb\\', 1)])));
    expect(body).toContain('registry_usage_repository_tags{repository="a\\"} 1\\nb\\\\"} 1\n');
  });
});

describe('the metrics of crawls', () => {
  test('show the last crawl, and count crawls by outcome', async () => {
    const failure = { at: NOW, kind: 'unavailable', reason: 'no answer' } as const;
    const tally = {
      ...NOTHING_CRAWLED,
      requestsCount: 42,
      succeededCount: 3,
      failedCounts: { ...NOTHING_CRAWLED.failedCounts, unavailable: 2 },
      repositoriesRead: 5,
      tagsRead: 60,
      lastStartedAt: NOW - 5000,
      lastDurationMs: 1500,
    };
    const state = { ...WAITING, failure, lastFinishedAt: NOW - 10_000, recrawlQueueLength: 4 };
    const scheduler = { status: () => state, stats: () => tally, request: () => 'running' as const };
    expect(await series(serverOf(() => undefined, { scheduler }))).toMatchObject({
      collection_running: 0,
      collection_failing: 1,
      collection_last_start_timestamp_seconds: NOW / 1000 - 5,
      collection_last_success_timestamp_seconds: NOW / 1000 - 10,
      collection_last_duration_seconds: 1.5,
      collection_next_timestamp_seconds: NOW / 1000 + 60,
      collections_succeeded_total: 3,
      'collections_failed_total{kind="unavailable"}': 2,
      'collections_failed_total{kind="store"}': 0,
      collected_repositories_total: 5,
      collected_tags_total: 60,
      registry_requests_total: 42,
      noticed_repositories: 4,
    });
  });

  test('are absent before the first crawl', async () => {
    const all = await series(serverOf(() => undefined));
    expect(named(all, 'collection_last_')).toEqual([]);
    expect(all).toMatchObject({ collection_running: 0, collection_failing: 0, collections_succeeded_total: 0 });
  });
});

describe('the metrics of requests', () => {
  test('have one series for each route, and one for all unknown paths and methods', async () => {
    const server = serverOf(() => snapshot([]));
    for (let i = 0; i < 20; i++) await server.inject({ url: `/usage/repositories/name-${i}?q=${i}` });
    for (let i = 0; i < 5; i++) await server.inject({ url: `/none-${i}`, method: 'PUT' });
    await server.inject({ url: '/usage/gaps', method: 'DELETE' });
    await server.inject({ url: '/usage/gaps', method: 'OPTIONS' });
    const all = await series(server);
    expect(all).toMatchObject({
      'http_requests_total{route="/repositories/*",method="GET",status="401"}': 20,
      'http_requests_total{route="other",method="other",status="404"}': 5,
      'http_requests_total{route="/gaps",method="other",status="405"}': 1,
      'http_requests_total{route="/gaps",method="OPTIONS",status="200"}': 1,
      'http_request_duration_seconds_count{route="/repositories/*",method="GET"}': 20,
    });
    expect(named(all, 'http_requests_total')).toHaveLength(4);
    expect(await series(server)).toMatchObject({
      'http_requests_total{route="/metrics",method="GET",status="200"}': 1,
    });
  });
});

describe('access', () => {
  test('returns 401 without the configured token, and marks a wrong one as invalid', async () => {
    const server = serverOf(() => snapshot([]));
    const ask = (authorization?: string) =>
      server.inject({ url: '/usage/metrics', headers: authorization === undefined ? {} : { authorization } });
    const [without, wrong, user] = [await ask(), await ask('Bearer wrong'), await ask('Bearer good')];
    expect([without.statusCode, wrong.statusCode, user.statusCode]).toEqual([401, 401, 401]);
    expect(without.headers['www-authenticate']).toBe('Bearer realm="gitlab-registry-usage-rest"');
    expect(wrong.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(without.body).not.toContain('registry_usage');
    expect((await ask(`Bearer ${TOKEN}`)).statusCode).toBe(200);
  });

  test('needs no token if none is configured, and then contains no names', async () => {
    const namespaces = [{ ...figures(1), path: 'hidden', namespace: undefined }];
    const server = serverOf(() => snapshot([repository('hidden/app', 1)], { namespaces }), {
      metricsToken: undefined,
    });
    const { statusCode, body } = await server.inject({ url: '/usage/metrics' });
    expect(statusCode).toBe(200);
    expect(body).not.toContain('hidden');
    expect(await series(server)).toMatchObject({
      deduplicated_bytes: 350,
      repositories_left_out: 1,
      namespaces_left_out: 1,
    });
  });

  test('supports HEAD and no other method, and returns 404 if metrics are turned off', async () => {
    const server = serverOf(() => undefined, { metricsToken: undefined });
    const head = await server.inject({ url: '/usage/metrics', method: 'HEAD' });
    expect([head.statusCode, head.body, head.headers['cache-control']]).toEqual([200, '', 'no-store']);
    const post = await server.inject({ url: '/usage/metrics', method: 'POST' });
    expect([post.statusCode, post.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    const off = serverOf(() => undefined, { metrics: false });
    expect((await off.inject({ url: '/usage/metrics' })).statusCode).toBe(404);
  });
});

describe('the format', () => {
  const server = serverOf(() => snapshot([repository('group/app', 300)]));

  test('is that of Prometheus, or OpenMetrics if the client prefers it, in any order of requests', async () => {
    const plain = await scrape(server);
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const open = await scrape(server, { accept: OPEN });
    expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(open.body).toMatch(/# TYPE registry_usage_collected_tags counter\nregistry_usage_collected_tags_total 0\n/);
    expect(open.body).toMatch(/\n# EOF\n$/);
    expect(open.body).not.toContain('\n\n');
    const again = await scrape(server, { accept: 'text/plain, application/openmetrics-text;q=0.1' });
    expect(again.body).toMatch(
      /# TYPE registry_usage_collected_tags_total counter\nregistry_usage_collected_tags_total /,
    );
    for (const accept of ['application/openmetrics-text;q=0', 'undefined', '*/*']) {
      expect((await scrape(server, { accept })).headers['content-type'], accept).toMatch(/^text\/plain/);
    }
  });

  test('describes every series, with its type', async () => {
    const { body } = await scrape(server);
    const described = (word: string) =>
      new Set([...body.matchAll(new RegExp(`^# ${word} (\\S+) .+`, 'gm'))].map(([, name]) => name));
    const names = [...body.matchAll(/^(registry_usage_\w+?)(?:_bucket|_sum|_count)?[{ ]/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(30);
    for (const name of names)
      expect([described('HELP').has(name), described('TYPE').has(name)], name).toEqual([true, true]);
  });

  test('contains the metrics of the process', async () => {
    const { body } = await scrape(server);
    expect(body).toMatch(/^process_resident_memory_bytes [1-9]/m);
    expect(body).toMatch(/^process_cpu_seconds_total /m);
  });
});
