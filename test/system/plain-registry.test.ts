import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { config } from '../../lab/images.ts';
import { startNginx } from '../../lab/nginx.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, type LabRegistryOptions, startRegistry } from '../../lab/registry.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { startTokenService } from '../../lab/token-service.ts';
import type { RepositoryName } from '../../src/domain/names.ts';
import { connect, found } from '../support/registry-client.ts';
import { type Answer, startStandIn } from '../support/stand-in.ts';

/** bcrypt of `secret`, for the user `crawler`. */
const HTPASSWD = 'crawler:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';
const CRAWLER = { username: 'crawler', accessToken: 'secret' };
const BASIC = `Basic ${Buffer.from('crawler:secret').toString('base64')}`;
const REPOSITORIES = ['a/app', 'b/app'] as RepositoryName[];
const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A real registry with two repositories. */
async function filled(options: LabRegistryOptions = {}): Promise<LabRegistry> {
  const open = await startRegistry(options.tokens && { tokens: options.tokens });
  cleanups.push(open.remove);
  const pusher = createPusher(open, options.tokens);
  for (const name of REPOSITORIES) await pusher.image(name, 'v1', { config: config(name), layers: [] });
  if (options.htpasswd === undefined) return open;
  const registry = await startRegistry({ ...options, copyOf: open.storageDirectory });
  cleanups.push(registry.remove);
  return registry;
}

async function standIn(...parameters: Parameters<typeof startStandIn>) {
  const server = await startStandIn(...parameters);
  cleanups.push(server.stop);
  return server;
}

const failure = (client: Parameters<typeof found>[0]): Promise<unknown> =>
  found(client).catch((error: unknown) => error);

test('reads an open registry with and without credentials', async () => {
  const registry = await filled();
  for (const who of [{}, CRAWLER]) {
    const client = connect(registry.url, who);
    expect(await found(client)).toEqual(REPOSITORIES);
    expect(await client.tags('a/app' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
  }
});

test('reads a registry with a user name and a password', async () => {
  const registry = await filled({ htpasswd: HTPASSWD });
  expect(await found(connect(registry.url, CRAWLER))).toEqual(REPOSITORIES);
  expect(await failure(connect(registry.url, { ...CRAWLER, accessToken: 'wrong' }))).toMatchObject({
    kind: 'unavailable',
    reason: 'the registry rejects the user name or the access token',
  });
  expect(await failure(connect(registry.url))).toMatchObject({
    kind: 'unavailable',
    reason: 'the registry requires a user name and a password, but none are set',
  });
});

test('sends credentials to a registry that is partly public, such as zot', async () => {
  const zot = await standIn((request, url): Answer => {
    const isKnown = request.headers.authorization === BASIC;
    if (url.pathname === '/v2/') return {};
    if (url.pathname === '/v2/_catalog')
      return { body: { repositories: isKnown ? ['private', 'public'] : ['public'] } };
    return isKnown || url.pathname.startsWith('/v2/public/') ? { body: { tags: ['v1'] } } : { status: 401 };
  });
  expect(await found(connect(zot.url, CRAWLER))).toEqual(['private', 'public']);
  const anybody = connect(zot.url);
  expect(await found(anybody)).toEqual(['public']);
  await expect(anybody.tags('private' as RepositoryName, signal)).rejects.toMatchObject({ kind: 'forbidden' });
  expect(await anybody.tags('public' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
});

test('requests an anonymous token if there are no credentials', async () => {
  const tokens = await startTokenService([], (name) => name.startsWith('a/'));
  const registry = await filled({ tokens });
  cleanups.push(tokens.stop);
  const options = { tokenOrigins: [tokens.url] };
  expect(await failure(connect(registry.url, options))).toMatchObject({
    kind: 'forbidden',
    reason: expect.stringContaining(
      'requires credentials for this; set [registry] discovery = list, and name the repositories in repositories',
    ),
  });
  const client = connect(registry.url, { ...options, discovery: 'list', repositories: REPOSITORIES });
  expect(await found(client)).toEqual(REPOSITORIES);
  expect(await client.tags('a/app' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
  await expect(client.tags('b/app' as RepositoryName, signal)).rejects.toMatchObject({ kind: 'forbidden' });
});

test('does not use a token service at another origin, and names the setting that allows it', async () => {
  const tokens = await startTokenService([{ ...CRAWLER, isAdmin: true }]);
  const registry = await filled({ tokens });
  cleanups.push(tokens.stop);
  const before = tokens.requests.length;
  for (const who of [{}, CRAWLER]) {
    const told = await failure(connect(registry.url, who));
    expect(told).toMatchObject({ kind: 'unavailable', reason: expect.stringMatching(/add it to token_origins$/) });
    expect(String(told)).toContain(tokens.url);
  }
  expect(tokens.requests).toHaveLength(before);
  expect(await found(connect(registry.url, { ...CRAWLER, tokenOrigins: [tokens.url] }))).toEqual(REPOSITORIES);
});

/** Like Harbor: all granted actions, under both names, and a lifetime in seconds. */
function harborToken(access: readonly object[]): Answer {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'RS256' })}.${part({ access })}.c2ln`;
  return { body: { token: '', access_token: token, expires_in: 1800, issued_at: '2026-01-01T00:00:00Z' } };
}

test("understands Harbor's tokens: name, lifetime and grants", async () => {
  let now = 0;
  const harbor = await standIn((request, url): Answer => {
    const realm = `http://${request.headers.host}/service/token`;
    if (url.pathname === '/service/token') {
      if (request.headers.authorization !== BASIC) return { status: 401 };
      const names = url.searchParams.getAll('scope').map((scope) => scope.split(':')[1] ?? '');
      const actions = (name: string) => (name === 'a/app' ? ['delete', 'pull', 'push'] : []);
      return harborToken(
        names.map((name) => ({ type: name === 'catalog' ? 'registry' : 'repository', name, actions: actions(name) })),
      );
    }
    if (request.headers.authorization !== undefined && url.pathname.includes('a/app'))
      return { body: { tags: ['v1'] } };
    return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="harbor-registry"` } };
  });
  const client = connect(harbor.url, { ...CRAWLER, steadyClock: () => now });
  expect(await failure(client)).toMatchObject({ kind: 'forbidden' });
  await expect(client.tags('b/app' as RepositoryName, signal)).rejects.toMatchObject({ kind: 'forbidden' });
  const tokensAfter = async (at: number) => {
    now = at;
    expect(await client.tags('a/app' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
    return harbor.requests.filter(({ url }) => url.includes('a%2Fapp')).length;
  };
  expect([await tokensAfter(0), await tokensAfter(1_400_000), await tokensAfter(1_500_000)]).toEqual([1, 1, 2]);
});

test('reports only the namespace that nginx keeps for other users, and fails if the password is wrong', async () => {
  const registry = await filled();
  const directory = makeDirectory('namespace');
  cleanups.push(() => removeDirectory(directory));
  const [all, theirs] = [join(directory, 'all'), join(directory, 'theirs')];
  await writeFile(all, 'crawler:{PLAIN}secret\n');
  await writeFile(theirs, 'other:{PLAIN}secret\n');
  const pass = `proxy_pass ${registry.url}; proxy_set_header Authorization "";`;
  const nginx = await startNginx(
    (port) => `server {
      listen 127.0.0.1:${port}; auth_basic "Registry"; auth_basic_user_file ${all};
      location /v2/ { ${pass} }
      location /v2/b/ { auth_basic_user_file ${theirs}; ${pass} }
    }`,
  );
  cleanups.push(nginx.stop);
  const url = `http://127.0.0.1:${nginx.port}`;
  const client = connect(url, CRAWLER);
  // The refused one comes first, when nothing has shown yet that the password is right.
  await expect(client.tags('b/app' as RepositoryName, signal)).rejects.toMatchObject({ kind: 'forbidden' });
  expect(await found(client)).toEqual(REPOSITORIES);
  expect(await client.tags('a/app' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
  const wrong = connect(url, { ...CRAWLER, accessToken: 'wrong' });
  await expect(wrong.tags('b/app' as RepositoryName, signal)).rejects.toMatchObject({ kind: 'unavailable' });
});
