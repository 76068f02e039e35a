import { afterEach, expect, test } from 'vitest';
import type { RepositoryName } from '../../../src/domain/names.ts';
import { parseChallenges } from '../../../src/registry/auth/challenge.ts';
import { connect, found } from '../../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../../support/stand-in.ts';

/* Registries that ask for one scheme at `/v2/` and for another one elsewhere. */

const { signal } = new AbortController();
const USER = { username: 'crawler', accessToken: 'secret' };
const BASIC = `Basic ${Buffer.from('crawler:secret').toString('base64')}`;
const [OURS, THEIRS] = ['ours/app', 'theirs/app'] as RepositoryName[] as [RepositoryName, RepositoryName];
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type Wanted = 'open' | 'Bearer' | 'Basic' | 'refused' | 'refused without a challenge';

/** A registry that wants what `wanted` says for each path. */
async function registryWith(wanted: (path: string) => Wanted): Promise<StandIn> {
  const server = await startStandIn(({ headers }, { pathname }): Answer => {
    const { authorization = '', host } = headers;
    if (pathname === '/auth') return authorization === BASIC ? { body: { token: 'tok' } } : { status: 401 };
    const scheme = wanted(pathname);
    const isGood = { open: true, Bearer: authorization === 'Bearer tok', Basic: authorization === BASIC } as const;
    if (scheme in isGood && isGood[scheme as keyof typeof isGood])
      return { body: pathname.endsWith('_catalog') ? { repositories: [OURS, THEIRS] } : { tags: ['v1'] } };
    if (scheme === 'refused without a challenge') return { status: 401 };
    const bearer = `bEARER realm="http://${host}/auth",service="x"`;
    return { status: 401, headers: { 'www-authenticate': scheme === 'Bearer' ? bearer : 'BASIC realm="x"' } };
  });
  cleanups.push(server.stop);
  return server;
}

async function crawl(client: ReturnType<typeof connect>): Promise<readonly unknown[]> {
  const names = (await found(client)) as RepositoryName[];
  const outcomes: unknown[] = [];
  for (const name of names)
    outcomes.push(
      await client.tags(name, signal).then(
        () => 'read',
        ({ kind }: { kind: string }) => kind,
      ),
    );
  return outcomes;
}

const refusedIn = async (server: StandIn, work: () => Promise<unknown>): Promise<number> => {
  const before = server.requests.length;
  await work();
  return server.requests.slice(before).filter(({ url }) => url !== '/v2/').length;
};

test.each<[string, (path: string) => Wanted, number]>([
  ['Bearer at /v2/ and Basic for the catalogue, as in Harbor', (p) => (p.endsWith('_catalog') ? 'Basic' : 'Bearer'), 4],
  ['nothing at /v2/ and Bearer elsewhere, as in Artifactory', (p) => (p === '/v2/' ? 'open' : 'Bearer'), 5],
  ['Basic at /v2/ and Bearer elsewhere', (p) => (p === '/v2/' ? 'Basic' : 'Bearer'), 5],
  ['Bearer at /v2/ and Basic elsewhere', (p) => (p === '/v2/' ? 'Bearer' : 'Basic'), 3],
  ['Basic in one namespace only', (p) => (p.includes('theirs') ? 'Basic' : 'Bearer'), 5],
])('reads a registry that wants %s, and is not refused again in the next crawl', async (_, wanted, mostRequests) => {
  const server = await registryWith(wanted);
  const client = connect(server.url, USER);
  expect(await crawl(client)).toEqual(['read', 'read']);
  expect(
    await refusedIn(server, async () => expect(await crawl(client)).toEqual(['read', 'read'])),
  ).toBeLessThanOrEqual(mostRequests);
});

test.each<[string, (path: string) => Wanted]>([
  ['Basic', (p) => (p.includes('theirs') ? 'refused' : 'Basic')],
  ['Basic, without a challenge', (p) => (p.includes('theirs') ? 'refused without a challenge' : 'Basic')],
  ['Bearer', (p) => (p.includes('theirs') ? 'refused' : 'Bearer')],
  ['Bearer, without a challenge', (p) => (p.includes('theirs') ? 'refused without a challenge' : 'Bearer')],
  ['nothing', (p) => (p.includes('theirs') ? 'refused' : 'open')],
])('reports only the namespace that is refused where the others want %s', async (_, wanted) => {
  const server = await registryWith(wanted);
  expect(await crawl(connect(server.url, USER))).toEqual(['read', 'forbidden']);
  // The same if the refused one is read first.
  await expect(connect(server.url, USER).tags(THEIRS, signal)).rejects.toMatchObject({ kind: 'forbidden' });
});

test.each<[string, (path: string) => Wanted]>([
  ['Basic', () => 'refused'],
  ['Basic below an open /v2/', (p) => (p === '/v2/' ? 'open' : 'refused')],
])('fails if the credentials are wrong for everything: %s', async (_, wanted) => {
  const server = await registryWith(wanted);
  await expect(found(connect(server.url, USER))).rejects.toMatchObject({
    kind: 'unavailable',
    reason: 'the registry rejects the user name or the access token',
  });
  expect(server.requests.length).toBeLessThanOrEqual(4);
});

test('ends a crawl of named repositories after a few refusals if nothing else shows that the credentials are right', async () => {
  const server = await registryWith((path) => (path === '/v2/' ? 'open' : 'refused'));
  const client = connect(server.url, USER);
  const kinds: string[] = [];
  for (let i = 0; i < 12; i++)
    await client.tags(`a/${i}` as RepositoryName, signal).catch(({ kind }: { kind: string }) => kinds.push(kind));
  expect([kinds[0], kinds.at(-1)]).toEqual(['forbidden', 'unavailable']);
});

test('finds each challenge beside those that it does not know', () => {
  const schemes = (header: string) => parseChallenges(header).map(({ scheme }) => scheme);
  expect(schemes('Negotiate YII/a+b==, Bearer realm="https://x/t",service="s", BASIC realm="a, b"')).toEqual([
    'negotiate',
    'bearer',
    'basic',
  ]);
  expect(schemes('NTLM, Basic realm=x')).toEqual(['ntlm', 'basic']);
});
