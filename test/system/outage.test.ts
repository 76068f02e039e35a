import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { config, layer } from '../../lab/images.ts';
import { createPusher } from '../../lab/push.ts';
import { startRegistry } from '../../lab/registry.ts';
import { serve } from '../../lab/serve.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import { createDistributionRegistry, type DistributionRegistry } from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from '../support/client-defaults.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';
import { takeSnapshot } from '../support/take-snapshot.ts';

/* One request without a response is a gap; a registry that does not respond at all is an outage. */

const repository = 'group/app' as RepositoryName;
const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function connect(url: string, timeoutMs = 10_000, retries = 1): DistributionRegistry {
  const registry = createDistributionRegistry({
    registryUrl: new URL(`${url}/`),
    tokenOrigins: [],
    username: '',
    accessToken: '',
    ...CLIENT_DEFAULTS,
    concurrencyMax: 4,
    timeoutMs,
    retries,
  });
  cleanups.push(registry.close);
  return registry;
}

/** A registry that answers `/v2/` while `isAlive` returns true, and every other request with the given responses. */
async function standIn(answer: Parameters<typeof startStandIn>[0], isAlive = () => true): Promise<StandIn> {
  const server = await startStandIn((request, url) =>
    url.pathname === '/v2/' ? { status: isAlive() ? 200 : 503 } : answer(request, url),
  );
  cleanups.push(server.stop);
  return server;
}

const hangs = (): Promise<Answer> => new Promise(() => undefined);

test('reports nine broken tags as nine gaps, and reads the rest', async () => {
  const lab = await startRegistry();
  cleanups.push(lab.remove);
  const pusher = createPusher(lab);
  const image = { config: config('outage'), layers: [layer('outage', 1024)] };
  const tags = Array.from({ length: 9 }, (_, i) => `v${i}`);
  for (const tag of tags) await pusher.image(repository, tag, image);
  await pusher.image('group/whole', 'v1', image);
  const tagsDirectory = join(lab.storageDirectory, `docker/registry/v2/repositories/${repository}/_manifests/tags`);
  for (const tag of tags) writeFileSync(join(tagsDirectory, tag, 'current/link'), '');
  const { repositories, gaps } = await takeSnapshot(connect(lab.url), 1);
  expect(gaps.map(({ code, reference }) => `${reference}: ${code}`)).toEqual(tags.map((tag) => `${tag}: unreadable`));
  expect(repositories.map(({ tags }) => new Set(tags.map(({ status }) => status)))).toEqual([
    new Set(['broken']),
    new Set(['ok']),
  ]);
});

test('reports a request without a response as unreadable while the registry answers the probe', async () => {
  const server = await standIn(hangs);
  const reading = connect(server.url, 100, 6).manifest(repository, 'v1' as TagName, signal);
  await expect(reading).rejects.toMatchObject({ kind: 'unreadable' });
  expect(server.requests.filter(({ url }) => url.includes('/manifests/'))).toHaveLength(2);
});

test('reports an outage if the registry does not answer the probe either', async () => {
  let isAlive = true;
  const server = await standIn(
    () => {
      isAlive = false;
      return { status: 503, headers: { 'retry-after': '0' } };
    },
    () => isAlive,
  );
  const reading = connect(server.url).manifest(repository, 'v1' as TagName, signal);
  await expect(reading).rejects.toMatchObject({ kind: 'unavailable', status: 503 });
});

test('reports an outage after fifty requests in a row without a response, although the probe succeeds', async () => {
  const server = await standIn(() => undefined);
  const registry = connect(server.url, 10_000, 0);
  const kinds: unknown[] = [];
  for (let i = 0; i < 50; i++)
    await registry.manifest(repository, `v${i}` as TagName, signal).catch((error) => kinds.push(error.kind));
  expect(kinds).toEqual([...Array.from({ length: 49 }, () => 'unreadable'), 'unavailable']);
});

test('reports any number of errors as broken tags while the probe succeeds', async () => {
  const server = await standIn(() => ({ status: 500 }));
  const registry = connect(server.url, 10_000, 0);
  for (let i = 0; i < 60; i++) {
    const reading = registry.manifest(repository, `v${i}` as TagName, signal);
    await expect(reading).rejects.toMatchObject({ kind: 'unreadable' });
  }
});

test('reports a response that is too large or not HTTP as unreadable, without a retry', async () => {
  const huge = Buffer.alloc(65 * 1024 * 1024);
  const server = await standIn((request, url) => {
    if (url.pathname.endsWith('/huge')) return { body: huge };
    request.socket.end('this is no HTTP at all\r\n\r\n');
    return hangs();
  });
  const registry = connect(server.url, 10_000, 6);
  for (const tag of ['huge', 'garbled'] as TagName[]) {
    await expect(registry.manifest(repository, tag, signal), tag).rejects.toMatchObject({ kind: 'unreadable' });
    expect(server.requests.filter(({ url }) => url.endsWith(tag))).toHaveLength(1);
  }
});

test('waits at most two minutes for one request, even if the server asks for more', async () => {
  const server = await standIn(() => ({ status: 503, headers: { 'retry-after': '121' } }));
  const reading = connect(server.url).manifest(repository, 'v1' as TagName, signal);
  await expect(reading).rejects.toMatchObject({ kind: 'unreadable' });
  expect(server.requests.filter(({ url }) => url.includes('/manifests/'))).toHaveLength(1);
});

test('gives up a response that trickles for ever, and reads the rest', async () => {
  const trickles: NodeJS.Timeout[] = [];
  const server = await serve((request, response) => {
    const path = new URL(request.url ?? '', 'http://lab.invalid').pathname;
    response.writeHead(200, { 'content-type': 'application/json' });
    if (path === '/v2/_catalog') response.end(JSON.stringify({ repositories: ['fine', 'slow'] }));
    else if (path === '/v2/slow/tags/list') trickles.push(setInterval(() => response.write(' '), 50));
    else response.end(JSON.stringify({ tags: [] }));
  });
  cleanups.push(async () => {
    for (const trickle of trickles) clearInterval(trickle);
    await server.stop();
  });
  const { repositories, gaps } = await takeSnapshot(connect(server.url, 200, 0), 2);
  expect(repositories.map(({ name, isComplete }) => [name, isComplete])).toEqual([
    ['fine', true],
    ['slow', false],
  ]);
  expect(gaps[0]?.reason).toContain('ANSWER_TIMEOUT');
});
