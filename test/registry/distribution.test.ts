import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import {
  createDistributionRegistry,
  type DistributionOptions,
  type DistributionRegistry,
} from '../../src/registry/distribution.ts';
import { createLookup } from '../../src/registry/transport/link-local.ts';
import { CLIENT_DEFAULTS } from '../support/client-defaults.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

const ACCESS_TOKEN = 'glpat-very-secret';
const repository = 'group/app' as RepositoryName;
const digest = `sha256:${'a'.repeat(64)}` as Digest;
const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function standIn(...parameters: Parameters<typeof startStandIn>): Promise<StandIn> {
  const server = await startStandIn(...parameters);
  cleanups.push(server.stop);
  return server;
}

function connect(url: string, options: Partial<DistributionOptions> = {}): DistributionRegistry {
  const registry = createDistributionRegistry({
    registryUrl: new URL(`${url}/`),
    tokenOrigins: [new URL(url).origin],
    username: 'crawler',
    accessToken: ACCESS_TOKEN,
    ...CLIENT_DEFAULTS,
    concurrencyMax: 4,
    timeoutMs: 5000,
    retries: 3,
    ...options,
  });
  cleanups.push(registry.close);
  return registry;
}

/** A token as GitLab makes it, but for the signature, which only the registry looks at. */
function token(access: readonly object[], lifeSeconds = 300): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ iat: now, exp: now + lifeSeconds, access })}.c2ln`;
}

const pull = (name: string) => ({ type: 'repository', name, actions: ['pull'] });

/** A registry behind a token service at the same address: `tokens` answers `/jwt/auth`, `registry` what has a token. */
function guarded(
  tokens: (url: URL) => Answer,
  registry: (url: URL, authorization: string) => Answer,
): Promise<StandIn> {
  return standIn((request, url) => {
    const origin = `http://${request.headers.host}`;
    if (url.pathname === '/jwt/auth') return tokens(url);
    const { authorization } = request.headers;
    if (authorization !== undefined) return registry(url, authorization);
    return { status: 401, headers: { 'www-authenticate': `Bearer realm="${origin}/jwt/auth",service="lab"` } };
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

test('reads a list to its last page, at our own address although the link names another host', async () => {
  const server = await standIn((_, url) => {
    if (url.pathname === '/v2/') return {};
    const last = url.searchParams.get('last');
    if (last === null)
      return { body: { repositories: ['a'] }, headers: { link: '<http://evil.example/x?n=7&last=a>; rel="next"' } };
    return { body: { repositories: last === 'a' && url.searchParams.get('n') === '7' ? ['b/tags/list'] : [] } };
  });
  expect(await all(connect(server.url).repositories(signal))).toEqual(['a', 'b/tags/list']);
});

test('halves the page size until the registry accepts it', async () => {
  const server = await standIn((_, url) => {
    if (url.pathname === '/v2/') return {};
    if (Number(url.searchParams.get('n')) > 100)
      return { status: 400, body: { errors: [{ code: 'PAGINATION_NUMBER_INVALID' }] } };
    return { body: { tags: ['v1'] } };
  });
  expect(await connect(server.url).tags(repository, signal)).toEqual([{ name: 'v1' }]);
});

test('reports illegal names separately and keeps the others', async () => {
  const server = await standIn((_, url) => {
    if (url.pathname === '/v2/') return {};
    return url.pathname === '/v2/_catalog'
      ? { body: { repositories: ['a', 'Group/App', '../etc'] } }
      : { body: { tags: ['v1', '-x', 'v1'] } };
  });
  const registry = connect(server.url);
  expect(await all(registry.repositories(signal))).toEqual(['a', { illegal: 'Group/App' }, { illegal: '../etc' }]);
  expect(await registry.tags(repository, signal)).toEqual([{ name: 'v1' }, { illegal: '-x' }]);
});

test('reads null, a missing list, an empty name and a deleted repository as no tags', async () => {
  for (const answer of [
    { body: { tags: null } },
    { body: { tags: [''] } },
    { body: {} },
    { status: 404, body: { errors: [{ code: 'NAME_UNKNOWN' }] } },
    { status: 404, body: { errors: [{ code: 'NOT_FOUND', message: 'repository group/app not found' }] } },
  ]) {
    const server = await standIn((_, url) => (url.pathname === '/v2/' ? {} : answer));
    expect(await connect(server.url).tags(repository, signal)).toEqual([]);
  }
});

test('fails on a 404 without an error code instead of reading it as no tags', async () => {
  for (const body of ['<h1>404</h1>', '', { errors: [{ code: 'UNSUPPORTED' }] }]) {
    const server = await standIn((_, url) => (url.pathname === '/v2/' ? {} : { status: 404, body }));
    await expect(connect(server.url).tags(repository, signal)).rejects.toMatchObject({ kind: 'unreadable' });
  }
});

test.each([
  ['zot', { status: 404, body: { errors: [{ code: 'TAG_INVALID' }] } }],
  ['Harbor', { status: 400, body: { errors: [{ code: 'BAD_REQUEST' }] } }],
])('a listing that loses its place between two pages, as in %s, begins again', async (_, lost) => {
  let tagsThere = ['a', 'b', 'c'];
  const server = await standIn((_, url) => {
    if (url.pathname === '/v2/') return {};
    const last = url.searchParams.get('last');
    if (last !== null && !tagsThere.includes(last)) return lost;
    const [first = '', ...rest] = tagsThere.filter((tag) => last === null || tag > last);
    if (first === 'a') tagsThere = ['b', 'c']; // what the next page begins after is deleted meanwhile
    const link = `</v2/${repository}/tags/list?last=${first}&n=1>; rel="next"`;
    return { body: { tags: [first] }, headers: rest.length > 0 ? { link } : {} };
  });
  expect(await connect(server.url).tags(repository, signal)).toEqual(['a', 'b', 'c'].map((name) => ({ name })));
});

test('shares a token among twenty repositories, or fewer if the token service rejects as many', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `group/r${String(i).padStart(2, '0')}`);
  const asked: number[] = [];
  const server = await guarded(
    (url) => {
      const scopes = url.searchParams.getAll('scope');
      asked.push(scopes.length);
      if (scopes[0]?.startsWith('registry:'))
        return { body: { token: token([{ type: 'registry', name: 'catalog', actions: ['*'] }]) } };
      if (scopes.length > 10) return { status: 414 };
      return { body: { token: token(scopes.map((scope) => pull(scope.split(':')[1] ?? ''))) } };
    },
    (url) => (url.pathname === '/v2/_catalog' ? { body: { repositories: names } } : { body: { tags: ['v1'] } }),
  );
  const registry = connect(server.url);
  const found = (await all(registry.repositories(signal))) as RepositoryName[];
  await Promise.all(found.map((name) => registry.tags(name, signal)));
  expect(asked.toSorted((a, b) => a - b)).toEqual([1, 10, 10, 10, 20]);
});

test('retries a token service that fails for a while, for each half of a group that was split meanwhile', async () => {
  const names = ['group/a', 'group/b', 'group/c', 'group/d'] as RepositoryName[];
  let isDown = false;
  const server = await guarded(
    (url) => {
      if (isDown) return { status: 502 };
      const scopes = url.searchParams.getAll('scope');
      if (scopes[0]?.startsWith('registry:'))
        return { body: { token: token([{ type: 'registry', name: 'catalog', actions: ['*'] }]) } };
      return { body: { token: token(scopes.map((scope) => pull(scope.split(':')[1] ?? ''))) } };
    },
    (url) => (url.pathname === '/v2/_catalog' ? { body: { repositories: names } } : { body: { tags: ['v1'] } }),
  );
  const registry = connect(server.url, { retries: 0 });
  await all(registry.repositories(signal));
  isDown = true;
  const down = await Promise.allSettled(names.map((name) => registry.tags(name, signal)));
  expect(down.map(({ status }) => status)).toEqual(names.map(() => 'rejected'));
  isDown = false;
  for (const name of names) expect(await registry.tags(name, signal)).toEqual([{ name: 'v1' }]);
});

test('requests only pull, and sends the credentials only to the token service', async () => {
  const server = await guarded(
    () => ({ body: { token: token([pull(repository)]) } }),
    () => ({ body: { tags: [] } }),
  );
  await connect(server.url).tags(repository, signal);
  expect(server.requests.map(({ url }) => url)).toContain(
    '/jwt/auth?service=lab&scope=repository%3Agroup%2Fapp%3Apull',
  );
  const withCredentials = server.requests.filter(({ authorization }) => authorization?.startsWith('Basic '));
  expect(withCredentials.map(({ url }) => url.split('?')[0])).toEqual(['/jwt/auth']);
});

test('never sends the credentials to a token service at an address that is not configured', async () => {
  const thief = await standIn(() => ({ body: { token: 'x' } }));
  const server = await standIn(() => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${thief.url}/jwt/auth",service="lab"` },
  }));
  await expect(connect(server.url).tags(repository, signal)).rejects.toThrow('not a configured origin');
  expect(thief.requests).toEqual([]);
});

test('renews a token before it expires', async () => {
  let now = 0;
  const server = await guarded(
    () => ({ body: { token: token([pull(repository)], 100) } }),
    () => ({ body: { tags: [] } }),
  );
  const registry = connect(server.url, { steadyClock: () => now, clock: () => -now });
  const tokensAfter = async (at: number) => {
    now = at;
    await registry.tags(repository, signal);
    return server.requests.filter(({ url }) => url.startsWith('/jwt/auth')).length;
  };
  expect([
    await tokensAfter(0),
    await tokensAfter(79_000),
    await tokensAfter(80_000),
    await tokensAfter(81_000),
  ]).toEqual([1, 1, 2, 2]);
});

test('replaces a token that the registry rejects once, then fails', async () => {
  let served = 0;
  const server = await guarded(
    () => ({ body: { token: token([pull(repository), { type: 'x', name: String(served++), actions: [] }]) } }),
    () =>
      served < 2
        ? { status: 401, headers: { 'www-authenticate': 'Bearer realm="x",error="invalid_token"' } }
        : { body: { tags: ['v1'] } },
  );
  expect(await connect(server.url).tags(repository, signal)).toEqual([{ name: 'v1' }]);
  const refusing = await guarded(
    () => ({ body: { token: token([pull(repository)]) } }),
    () => ({ status: 401, headers: { 'www-authenticate': 'Bearer realm="x",error="invalid_token"' } }),
  );
  await expect(connect(refusing.url).tags(repository, signal)).rejects.toMatchObject({ kind: 'unavailable' });
});

test('tries wrong credentials only once, because token services ban repeated attempts', async () => {
  const server = await guarded(
    () => ({
      status: 401,
      body: { errors: [{ code: 'UNAUTHORIZED', message: `HTTP Basic: Access denied ${ACCESS_TOKEN}` }] },
    }),
    () => ({}),
  );
  const failure = await connect(server.url)
    .tags(repository, signal)
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'unavailable' });
  expect(String(failure)).toContain('rejects the user name or the access token');
  expect(JSON.stringify(failure) + String(failure)).not.toContain(ACCESS_TOKEN);
  expect(server.requests.filter(({ url }) => url.startsWith('/jwt/auth'))).toHaveLength(1);
});

test('waits as long as the server asks, and retries after a closed connection', async () => {
  const answers: (Answer | undefined)[] = [
    { status: 429, headers: { 'retry-after': '0' } },
    undefined,
    { status: 503, headers: { 'retry-after': new Date(0).toUTCString() } },
    { body: { tags: ['v1'] } },
  ];
  const server = await standIn((_, url) => (url.pathname === '/v2/' ? {} : answers.shift()));
  expect(await connect(server.url).tags(repository, signal)).toEqual([{ name: 'v1' }]);
});

test('reports a server that never answers in time as unavailable, with its URL but without the query', async () => {
  const server = await standIn(() => new Promise(() => undefined));
  const failure = await connect(server.url, { timeoutMs: 100, retries: 0 })
    .tags(repository, signal)
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'unavailable' });
  expect(String(failure)).toMatch(/^RegistryError: no response: \w+_TIMEOUT \(/);
  expect(String(failure)).toContain(`(${server.url}/v2/)`);
});

test('ends a request that waits for a retry when it is aborted', async () => {
  const server = await standIn(() => ({ status: 503, headers: { 'retry-after': '60' } }));
  const controller = new AbortController();
  const listing = connect(server.url).tags(repository, controller.signal);
  while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  await expect(listing).rejects.toThrow(/abort/i);
});

test('follows a redirect to a blob store without authorization, and requests one byte if HEAD is refused', async () => {
  const store = await standIn((request) =>
    request.method === 'HEAD'
      ? { status: 403 }
      : { status: 206, body: 'x', headers: { 'content-range': 'bytes 0-0/12345' } },
  );
  const server = await guarded(
    () => ({ body: { token: token([pull(repository)]) } }),
    () => ({ status: 307, headers: { location: `${store.url}/signed?X-Signature=s` } }),
  );
  expect(await connect(server.url).blobBytes(repository, digest, signal)).toBe(12345);
  expect(store.requests.map(({ method, authorization }) => [method, authorization])).toEqual([
    ['HEAD', undefined],
    ['GET', undefined],
  ]);
});

test.each([401, 403])('a %i of a blob store is one unreadable blob, and no refusal of the registry', async (status) => {
  const store = await standIn(() => ({ status }));
  const server = await guarded(
    () => ({ body: { token: token([pull(repository)]) } }),
    () => ({ status: 307, headers: { location: `${store.url}/signed` } }),
  );
  const registry = connect(server.url);
  const unreadable = { kind: 'unreadable', message: expect.stringContaining(`status ${status}`) };
  await expect(registry.blobBytes(repository, digest, signal)).rejects.toMatchObject(unreadable);
  await expect(registry.imageConfig(repository, digest, signal)).rejects.toMatchObject(unreadable);
});

test('reports a 403 of the registry itself as forbidden for every kind of request', async () => {
  const server = await guarded(
    () => ({ body: { token: token([pull(repository)]) } }),
    () => ({ status: 403 }),
  );
  const registry = connect(server.url);
  const forbidden = { kind: 'forbidden' };
  await expect(registry.blobBytes(repository, digest, signal)).rejects.toMatchObject(forbidden);
  await expect(registry.manifest(repository, digest, signal)).rejects.toMatchObject(forbidden);
  await expect(registry.tags(repository, signal)).rejects.toMatchObject(forbidden);
});

test.each([
  'http://169.254.169.254/latest/meta-data',
  'http://[fe80::1]/',
  'http://[::ffff:169.254.169.254]/',
  'http://2852039166/',
])('a redirect to the link-local address %s is not followed', async (location) => {
  const server = await standIn((_, url) => (url.pathname === '/v2/' ? {} : { status: 307, headers: { location } }));
  await expect(connect(server.url).blobBytes(repository, digest, signal)).rejects.toThrow('is not allowed');
});

test('does not connect to a name that resolves to a link-local address, and reports only that blob as unreadable', async () => {
  const server = await standIn((_, url) =>
    url.pathname === '/v2/' ? {} : { status: 307, headers: { location: 'http://store.example/x' } },
  );
  const asked: string[] = [];
  const lookup = createLookup(new Set(), (hostname, _, callback) => {
    asked.push(hostname);
    callback(null, [{ address: '169.254.169.254', family: 4 }]);
  });
  const reading = connect(server.url, { lookup }).blobBytes(repository, digest, signal);
  await expect(reading).rejects.toMatchObject({ kind: 'unreadable', message: expect.stringContaining('LINK_LOCAL') });
  expect(asked).toEqual(['store.example']);
});

test('connects to a configured name that resolves to a link-local address', () => {
  const found: unknown[] = [];
  const lookup = createLookup(new Set(['registry.example']), (_, __, callback) => callback(null, '169.254.1.2', 4));
  for (const name of ['registry.example', 'store.example'])
    lookup(name, {}, (error, address) => found.push(error?.code ?? address));
  expect(found).toEqual(['169.254.1.2', 'ERR_LINK_LOCAL']);
});

test('reports a manifest as unreadable if its bytes do not match its digest', async () => {
  const server = await standIn((_, url) =>
    url.pathname === '/v2/' ? {} : { body: { layers: [] }, headers: { 'docker-content-digest': digest } },
  );
  const reading = connect(server.url).manifest(repository, 'v1' as TagName, signal);
  await expect(reading).rejects.toMatchObject({ kind: 'unreadable' });
});

test('verifies a sha512 digest', async () => {
  const body = JSON.stringify({ manifests: [] });
  const sha512 = `sha512:${createHash('sha512').update(body).digest('hex')}` as Digest;
  const server = await standIn((_, url) =>
    url.pathname === '/v2/' ? {} : { body, headers: { 'content-type': `${MANIFEST_TYPES.ociIndex}; charset=utf-8` } },
  );
  const stored = await connect(server.url).manifest(repository, sha512, signal);
  const manifest = { kind: 'index', mediaType: MANIFEST_TYPES.ociIndex, manifests: [] };
  expect(stored).toMatchObject({ digest: sha512, sizeBytes: body.length, manifest });
});

test('reports schema 1 as unsupported if the registry no longer serves it', async () => {
  const server = await standIn((_, url) =>
    url.pathname === '/v2/'
      ? {}
      : { status: 400, body: { errors: [{ code: 'MANIFEST_INVALID', message: 'Schema 1 manifest not supported' }] } },
  );
  await expect(connect(server.url).manifest(repository, 'v1' as TagName, signal)).rejects.toMatchObject({
    kind: 'unsupported',
  });
});

test('detects the authentication scheme again in each crawl, so that a maintenance page is not an open registry for ever', async () => {
  let isInMaintenance = true;
  const basic = `Basic ${Buffer.from(`crawler:${ACCESS_TOKEN}`).toString('base64')}`;
  const server = await standIn((request) => {
    if (isInMaintenance) return { body: '<h1>Back soon</h1>' };
    if (request.headers.authorization === basic) return { body: { repositories: ['a'] } };
    return { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } };
  });
  const registry = connect(server.url);
  await expect(all(registry.repositories(signal))).rejects.toThrow('format of the protocol');
  isInMaintenance = false;
  expect(await all(registry.repositories(signal))).toEqual(['a']);
});

test('leaves deleted repositories out of the tokens of the next crawl', async () => {
  let names = ['group/a', 'group/b', 'group/c'] as RepositoryName[];
  const scopes: string[] = [];
  const server = await guarded(
    (url) => {
      const asked = url.searchParams.getAll('scope');
      scopes.push(...asked);
      const access = asked.map((scope) =>
        scope.startsWith('registry:')
          ? { type: 'registry', name: 'catalog', actions: ['*'] }
          : pull(scope.split(':')[1] ?? ''),
      );
      return { body: { token: token(access) } };
    },
    (url) => (url.pathname === '/v2/_catalog' ? { body: { repositories: names } } : { body: { tags: ['v1'] } }),
  );
  const registry = connect(server.url);
  const crawlOnce = async () => {
    scopes.length = 0;
    for (const name of await all(registry.repositories(signal))) await registry.tags(name as RepositoryName, signal);
    return scopes.filter((scope) => scope.startsWith('repository:'));
  };
  expect(await crawlOnce()).toHaveLength(3);
  names = ['group/b', 'group/d'] as RepositoryName[];
  expect(await crawlOnce()).toEqual(['repository:group/b:pull', 'repository:group/d:pull']);
});

test('detects the authentication scheme before all waiting requests', async () => {
  const released = Promise.withResolvers<Answer>();
  let isFirst = true;
  const server = await standIn((_, { pathname }) => {
    if (!pathname.endsWith('/tags/list') || !isFirst) return { body: {} };
    isFirst = false;
    return released.promise;
  });
  const registry = connect(server.url, { concurrencyMax: 1 });
  const waiting = ['a', 'b', 'c'].map((name) => registry.tags(name as RepositoryName, signal));
  while (isFirst) await new Promise((resolve) => setTimeout(resolve, 5));
  const crawl = all(registry.repositories(signal));
  released.resolve({ body: {} });
  await Promise.all([...waiting, crawl]);
  const order = server.requests.map(({ url }) => url.split('?')[0]);
  expect(order).toEqual([
    '/v2/',
    ...['a', '', 'b', 'c'].map((name) => (name ? `/v2/${name}/tags/list` : '/v2/')),
    '/v2/_catalog',
  ]);
});

test('reads a registry with basic authentication', async () => {
  const basic = `Basic ${Buffer.from(`crawler:${ACCESS_TOKEN}`).toString('base64')}`;
  const server = await standIn((request) =>
    request.headers.authorization === basic
      ? { body: { tags: ['v1'] } }
      : { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } },
  );
  expect(await connect(server.url).tags(repository, signal)).toEqual([{ name: 'v1' }]);
});

test('names the request, the status and the words of the registry in a failure, without secrets', async () => {
  const errors = [{ code: 'UNKNOWN', message: 'cannot read with secret:\u0000 see https://store.example.com/?key=1' }];
  const server = await standIn((request, url) => {
    if (url.pathname === '/v2/') return {};
    return { status: 500, body: request.method === 'HEAD' ? undefined : { errors } };
  });
  const failure = await connect(server.url)
    .manifest(repository, 'v1' as TagName, signal)
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({
    kind: 'unreadable',
    url: `${server.url}/v2/${repository}/manifests/v1`,
    request: {
      method: 'GET',
      path: `/v2/${repository}/manifests/v1`,
      status: 500,
      registryCode: 'UNKNOWN',
      registryMessage: expect.stringMatching(/^cannot read with .*https:\/\/store\.example\.com\/$/),
    },
  });
});
