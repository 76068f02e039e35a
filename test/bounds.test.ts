import { afterEach, expect, test } from 'vitest';
import type { RepositoryName } from '../src/domain/names.ts';
import { connect, found } from './registry-client.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

/* What a registry answers is bounded, so that none can fill the memory. */

const repository = 'group/app' as RepositoryName;
const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function standIn(answer: Parameters<typeof startStandIn>[0]): Promise<StandIn> {
  const server = await startStandIn((request, url) => (url.pathname === '/v2/' ? {} : answer(request, url)));
  cleanups.push(server.stop);
  return server;
}

/** Pages without end, each with a quarter of a million entries. */
function endless(entry: string, around: (list: string) => string): Promise<StandIn> {
  const body = around(`[${Array.from({ length: 250_000 }, () => entry).join()}]`);
  let pages = 0;
  return standIn(() => ({ body, headers: { link: `</x?last=${++pages}&page=${pages}>; rel="next"` } }));
}

const MANY = 'the listing has more than 1,000,000 entries, or does not end';

test('a listing of tags or repositories that does not end is given up', { timeout: 30_000 }, async () => {
  const tags = await endless('"a"', (list) => `{"tags":${list}}`);
  await expect(connect(tags.url).tags(repository, signal)).rejects.toMatchObject({ kind: 'unreadable', reason: MANY });
  expect(tags.requests.filter(({ url }) => url.includes('/tags/list'))).toHaveLength(5);
  const catalogue = await endless('"a"', (list) => `{"repositories":${list}}`);
  await expect(found(connect(catalogue.url))).rejects.toMatchObject({ kind: 'unreadable', reason: MANY });
});

test('a listing of GitLab that does not end is given up', { timeout: 30_000 }, async () => {
  const { url } = await endless('{"path":"a"}', (list) => list);
  const client = connect(url, { gitlabUrl: `${url}/`, accessToken: 'x', discovery: 'gitlab', groups: ['group'] });
  await expect(found(client)).rejects.toMatchObject({ kind: 'unreadable', reason: MANY });
});
