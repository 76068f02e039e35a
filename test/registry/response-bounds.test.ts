import { afterEach, expect, test } from 'vitest';
import { serve } from '../../lab/serve.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { IllegalName } from '../../src/ports.ts';
import { connect, found } from '../support/registry-client.ts';
import { type StandIn, startStandIn } from '../support/stand-in.ts';

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

const MANY = 'the list has more than 1,000,000 entries, or does not end';

test('gives up an endless list of tags or repositories', { timeout: 30_000 }, async () => {
  const tags = await endless('"a"', (list) => `{"tags":${list}}`);
  await expect(connect(tags.url).tags(repository, signal)).rejects.toMatchObject({ kind: 'unreadable', reason: MANY });
  expect(tags.requests.filter(({ url }) => url.includes('/tags/list'))).toHaveLength(5);
  const catalogue = await endless('"a"', (list) => `{"repositories":${list}}`);
  await expect(found(connect(catalogue.url))).rejects.toMatchObject({ kind: 'unreadable', reason: MANY });
});

test('gives up an endless list of GitLab', { timeout: 30_000 }, async () => {
  const { url } = await endless('{"path":"a"}', (list) => list);
  const client = connect(url, { gitlabUrl: `${url}/`, accessToken: 'x', discovery: 'gitlab', groups: ['group'] });
  await expect(found(client)).rejects.toMatchObject({ kind: 'unreadable', reason: MANY });
});

const MEBIBYTE = Buffer.alloc(1024 * 1024, ' ');
const digest = `sha256:${'a'.repeat(64)}` as Digest;

test('reads at most 8 MiB of a manifest or config, once, and does not report an outage', {
  timeout: 30_000,
}, async () => {
  let sizeMebibytes = 60;
  let mostSentMebibytes = 0;
  const asked: string[] = [];
  const server = await serve((request, response) => {
    if (request.url === '/v2/') return void response.end();
    asked.push(`${request.method} ${request.url?.split('/').at(-2)}`);
    if (request.method === 'HEAD') return void response.end();
    let sentMebibytes = 0;
    const send = (): void => {
      while (!response.destroyed && sentMebibytes < sizeMebibytes) {
        mostSentMebibytes = Math.max(mostSentMebibytes, ++sentMebibytes);
        if (!response.write(MEBIBYTE)) return void response.once('drain', send);
      }
      response.end();
    };
    send();
  });
  cleanups.push(server.stop);
  const registry = connect(server.url);
  const questions = [
    ['manifest', () => registry.manifest(repository, digest, signal)],
    ['manifest', () => registry.resolve(repository, 'v1' as TagName, undefined, signal)],
    ['config', () => registry.imageConfig(repository, digest, signal)],
  ] as const;
  for (const [what, ask] of questions) {
    const reason = `the ${what} is larger than 8 MiB`;
    await expect(ask()).rejects.toMatchObject({ kind: 'unreadable', reason });
  }
  expect(mostSentMebibytes).toBeLessThan(40); // what is under way in the buffers of two sockets is sent, too
  expect(asked).toEqual(['GET manifests', 'HEAD manifests', 'GET manifests', 'GET blobs']);
  // Fifty questions in a row without an answer would be an outage.
  sizeMebibytes = 9;
  for (let i = 0; i < 60; i++) {
    await expect(registry.manifest(repository, digest, signal)).rejects.toMatchObject({ kind: 'unreadable' });
  }
});

test('keeps at most a thousand illegal names of a list, cut to 300 characters', async () => {
  const long = `-${'x'.repeat(5 * 1024 * 1024)}`;
  const names = ['legal', long, `${long}y`, ...Array.from({ length: 1500 }, (_, i) => `-${i}`), 'last'];
  const server = await standIn((_, { pathname }) =>
    pathname === '/v2/_catalog' ? { body: { repositories: names } } : { body: { tags: names } },
  );
  const client = connect(server.url);
  const legal = (listed: readonly unknown[]) => listed.filter((one) => !isIllegal(one));
  const repositories = await found(client);
  const tags = await client.tags(repository, signal);
  expect(legal(repositories)).toEqual(['last', 'legal']);
  expect(legal(tags)).toEqual([{ name: 'legal' }, { name: 'last' }]);
  for (const listed of [repositories, tags]) {
    const illegal = listed.filter(isIllegal).map((one) => one.illegal);
    expect(illegal).toHaveLength(1000);
    expect(illegal.filter((name) => name.length > 10)).toEqual([`-${'x'.repeat(298)}…`]);
  }
});

function isIllegal(one: unknown): one is IllegalName {
  return typeof one === 'object' && one !== null && 'illegal' in one;
}
