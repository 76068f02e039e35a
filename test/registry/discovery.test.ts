import { afterEach, expect, test } from 'vitest';
import { connect, found } from '../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

const servers: StandIn[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function standIn(catalogue: Answer): Promise<StandIn> {
  const server = await startStandIn((_, url) => {
    if (url.pathname === '/v2/') return {};
    return url.pathname === '/v2/_catalog' ? catalogue : { body: { tags: ['v1'] } };
  });
  servers.push(server);
  return server;
}

const error = (code: string) => ({ errors: [{ code, message: 'not here' }] });
const LIST = /\[registry\] discovery = list/;
const GITLAB = /\[registry\] discovery = gitlab/;

const WITHOUT_CATALOGUE: readonly (readonly [string, Answer])[] = [
  ['404 without a body', { status: 404 }],
  ['404 as a page', { status: 404, body: '<html>not found</html>', headers: { 'content-type': 'text/html' } }],
  ['404 NAME_UNKNOWN', { status: 404, body: error('NAME_UNKNOWN') }],
  ['405', { status: 405, body: error('UNSUPPORTED') }],
  ['501', { status: 501 }],
  ['400 UNSUPPORTED', { status: 400, body: error('UNSUPPORTED') }],
  ['403, as for Docker Hub', { status: 403, body: error('DENIED') }],
  ['401 without credentials', { status: 401, body: error('UNAUTHORIZED') }],
  ['a page with status 200', { body: '<html>welcome</html>', headers: { 'content-type': 'text/html' } }],
  ['an error with status 200', { body: error('UNSUPPORTED') }],
];

test.each(WITHOUT_CATALOGUE)(
  'names discovery = list if the registry answers the catalogue with %s',
  async (_, answer) => {
    const server = await standIn(answer);
    for (const discovery of ['auto', 'catalog'] as const) {
      if (discovery === 'catalog' && (answer.status === 401 || answer.status === 403)) continue;
      await expect(found(connect(server.url, { discovery }))).rejects.toMatchObject({
        reason: expect.stringMatching(LIST),
      });
    }
    const patterns = connect(server.url, { discovery: 'list', repositories: ['group/*'] });
    await expect(found(patterns)).rejects.toMatchObject({ reason: expect.stringMatching(LIST) });
    const named = connect(server.url, { discovery: 'list', repositories: ['group/app'] });
    expect(await found(named)).toEqual(['group/app']);
  },
);

test('names discovery = gitlab as well if a GitLab is configured', async () => {
  const server = await standIn({ status: 404 });
  const gitlab = { gitlabUrl: `${server.url}/`, username: 'crawler', accessToken: 'very-secret' };
  await expect(found(connect(server.url, gitlab))).rejects.toMatchObject({
    kind: 'unreadable',
    reason: expect.stringMatching(GITLAB),
    request: { path: '/v2/_catalog', status: 404 },
  });
});

test('gives no such advice if the catalogue fails in another way', async () => {
  const server = await standIn({ status: 500 });
  await expect(found(connect(server.url, { retries: 0 }))).rejects.toMatchObject({
    reason: expect.not.stringMatching(LIST),
  });
});
