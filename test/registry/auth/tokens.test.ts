import { afterEach, expect, test } from 'vitest';
import type { RepositoryName } from '../../../src/domain/names.ts';
import { connect, found } from '../../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../../support/stand-in.ts';

/* Token services that look at one scope, grant patterns, or write their answers in their own way. The registry always has the last word. */

const { signal } = new AbortController();
const USER = { username: 'crawler', accessToken: 'secret' };
const NAMES = Array.from({ length: 45 }, (_, i) => `group/r${String(i).padStart(2, '0')}` as RepositoryName);
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const accessTo = (scope: string): object => {
  const [type, name, actions = ''] = scope.split(':');
  return { type, name, actions: actions.split(',') };
};

interface Guard {
  /** Answers the request for a token. */
  readonly tokens: (scopes: readonly string[], url: URL) => Answer;
  /** Returns the `error` of a challenge, or true if the token is good for the scope. */
  readonly check: (token: string, scope: string) => string | true;
  readonly names?: readonly string[];
  /** What follows the realm in a challenge. */
  readonly service?: string;
  readonly realmQuery?: string;
}

/** A registry with a token service at `/auth`. */
async function guarded({ tokens, check, names = NAMES, service = ',service="lab"', realmQuery = '' }: Guard) {
  const server = await startStandIn(({ headers }, url): Answer => {
    if (url.pathname === '/auth') return tokens(url.searchParams.getAll('scope'), url);
    const realm = `http://${headers.host}/auth${realmQuery}`;
    const challenge = (error?: string): Answer => ({
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${realm}"${service}${error ? `,error="${error}"` : ''}` },
    });
    const { authorization } = headers;
    if (authorization === undefined || !authorization.startsWith('Bearer ')) return challenge();
    const name = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname)?.[1];
    const scope = name === undefined ? 'registry:catalog:*' : `repository:${name}:pull`;
    const checked = check(authorization.slice('Bearer '.length), scope);
    if (checked !== true) return challenge(checked);
    return { body: name === undefined ? { repositories: names } : { tags: ['v1'] } };
  });
  cleanups.push(server.stop);
  return server;
}

/** Reads all repositories once, as a crawl does. Returns the names of those that are forbidden. */
async function crawl(client: ReturnType<typeof connect>): Promise<readonly string[]> {
  const denied: string[] = [];
  await Promise.all(
    (await found(client)).map(async (name) => {
      await client.tags(name as RepositoryName, signal).catch((error: { kind?: string }) => {
        if (error.kind !== 'forbidden') throw error;
        denied.push(String(name));
      });
    }),
  );
  return denied.sort();
}

const count = ({ requests }: StandIn, part: string) => requests.filter(({ url }) => url.includes(part)).length;

test.each([
  ['first', 'JWT'],
  ['last', 'JWT'],
  ['first', 'opaque'],
  ['last', 'opaque'],
])('reads every repository if the token service looks only at the %s scope (%s)', async (which, format) => {
  const granted = new Map<string, string | undefined>();
  const server = await guarded({
    tokens(scopes) {
      const scope = which === 'first' ? scopes[0] : scopes.at(-1);
      const n = granted.size;
      const token = format === 'JWT' ? jwt({ n, access: [accessTo(scope ?? '')] }) : `opaque-${n}`;
      granted.set(token, scope);
      return { body: { token, expires_in: 300 } };
    },
    check: (token, scope) => granted.get(token) === scope || 'insufficient_scope',
  });
  const client = connect(server.url, USER);
  expect(await crawl(client)).toEqual([]);
  const [tokensBefore, listsBefore] = [count(server, '/auth'), count(server, '/tags/list')];
  expect(await crawl(client)).toEqual([]);
  // Each token for one repository, and no request twice.
  expect([count(server, '/auth') - tokensBefore, count(server, '/tags/list') - listsBefore]).toEqual([46, 45]);
});

test('asks once for a token of its own and once the registry for a repository that the token service does not grant', async () => {
  const isDenied = (scope: string) => /r\d[05]:/.test(scope);
  const server = await guarded({
    tokens: (scopes) => ({
      body: { token: jwt({ access: scopes.filter((scope) => !isDenied(scope)).map(accessTo) }) },
    }),
    check: (token, scope) => {
      const { access } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      return access.some((entry: { name: string }) => scope.includes(`:${entry.name}:`)) || 'insufficient_scope';
    },
  });
  const client = connect(server.url, USER);
  const denied = NAMES.filter((name) => isDenied(`${name}:`));
  for (let round = 1; round <= 2; round++) {
    expect(await crawl(client)).toEqual(denied);
    await expect(client.tags(denied[0] as RepositoryName, signal)).rejects.toMatchObject({ kind: 'forbidden' });
    expect(count(server, '/auth')).toBe(round * (1 + 3 + denied.length));
    expect(count(server, '/tags/list')).toBe(round * NAMES.length);
  }
});

const CATALOGUE = { type: 'registry', name: 'catalog', actions: ['*'] };

test.each([
  ['a pattern for everything', [CATALOGUE, { type: 'repository', name: '*', actions: ['pull'] }]],
  ['a pattern for a group', [CATALOGUE, { type: 'repository', name: 'group/*', actions: ['pull'] }]],
  ['a class', [CATALOGUE, { type: 'repository(image)', name: 'group/r00', actions: ['pull'] }]],
  ['another action for the catalogue', [{ type: 'registry', name: 'catalog', actions: ['catalog'] }]],
  ['nothing', []],
  ['a text', 'all'],
  ['null', null],
])('leaves the decision to the registry if a token grants %s', async (_, access) => {
  const token = jwt({ access });
  const server = await guarded({ tokens: () => ({ body: { token } }), check: (sent) => sent === token || 'x' });
  const client = connect(server.url, USER);
  expect(await crawl(client)).toEqual([]);
  expect(await crawl(client)).toEqual([]);
  expect(count(server, '/tags/list')).toBe(2 * NAMES.length);
});

test.each([
  ['expires_in as text', { token: 'tok', expires_in: '300' }, 300],
  ['expires_in null', { token: 'tok', expires_in: null }, 60],
  ['expires_in 0', { token: 'tok', expires_in: 0 }, 60],
  ['a negative expires_in', { token: 'tok', expires_in: -5 }, 60],
  ['a huge expires_in', { token: 'tok', expires_in: 1e300 }, 24 * 3600],
  ['token null', { token: null, access_token: 'tok', expires_in: 300 }, 300],
  ['an empty token', { token: '', access_token: 'tok', expires_in: 300 }, 300],
  ['other fields of other types', { token: 'tok', issued_at: 7, refresh_token: {}, scope: [] }, 60],
])('uses a token that comes with %s', async (_, body, lifeSeconds) => {
  let now = 0;
  const server = await guarded({
    tokens: () => ({ body }),
    check: (token) => token === 'tok' || 'invalid_token',
  });
  const client = connect(server.url, { ...USER, steadyClock: () => now });
  const tokensAt = async (seconds: number) => {
    now = seconds * 1000;
    await client.tags('a' as RepositoryName, signal);
    return count(server, '/auth');
  };
  expect([await tokensAt(0), await tokensAt(lifeSeconds * 0.79), await tokensAt(lifeSeconds * 0.81)]).toEqual([
    1, 1, 2,
  ]);
});

test.each([
  ['none', '', '', null],
  ['one in the query of the realm', '', '?service=own&x=1', 'own'],
  ['one of its own', ',service="lab"', '?x=1', 'lab'],
])('sends the service that a challenge names: %s', async (_, service, realmQuery, expected) => {
  const asked: URL[] = [];
  const server = await guarded({
    service,
    realmQuery,
    tokens: (_, url) => {
      asked.push(url);
      return { body: { token: 'tok' } };
    },
    check: () => true,
  });
  await connect(server.url, USER).tags('a' as RepositoryName, signal);
  expect(asked.map(({ searchParams }) => [searchParams.get('service'), searchParams.get('scope')])).toEqual([
    [expected, 'repository:a:pull'],
  ]);
});

test('asks without a scope if the token service rejects that of the catalogue, and remembers it', async () => {
  const server = await guarded({
    names: ['a'],
    tokens: ([scope]) => (scope?.startsWith('registry:') ? { status: 400 } : { body: { token: 'tok' } }),
    check: () => true,
  });
  const client = connect(server.url, USER);
  expect(await found(client)).toEqual(['a']);
  expect(await found(client)).toEqual(['a']);
  expect(count(server, '/auth')).toBe(3);
});

test('keeps a repository for which the token service answers 403 from ending the crawl', async () => {
  const server = await guarded({
    tokens: (scopes) => (scopes.some((scope) => scope.includes('r07')) ? { status: 403 } : { body: { token: 'tok' } }),
    check: () => true,
  });
  expect(await crawl(connect(server.url, USER))).toEqual(['group/r07']);
});

test('ends a crawl whose token service answers 403 again and again', async () => {
  let isBanned = false;
  const server = await guarded({
    tokens: () => (isBanned ? { status: 403 } : { body: { token: 'tok' } }),
    check: () => true,
  });
  const client = connect(server.url, USER);
  await found(client);
  isBanned = true;
  const answers = await Promise.allSettled(NAMES.map((name) => client.tags(name, signal)));
  expect(answers.at(-1)).toMatchObject({ reason: { kind: 'unavailable', status: 403 } });
  expect(count(server, '/auth')).toBeLessThanOrEqual(1 + 5 + 4);
});

test('follows redirects of the token service at its own address only', async () => {
  const other = await startStandIn(() => ({ body: { token: 'tok' } }));
  cleanups.push(other.stop);
  let target = '/auth?moved=1';
  const server = await guarded({
    tokens: (_, url) =>
      url.searchParams.has('moved')
        ? { body: { token: 'tok' } }
        : { status: 307, headers: { location: target.includes('//') ? target : `${target}&${url.searchParams}` } },
    check: () => true,
  });
  expect(await connect(server.url, USER).tags('a' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
  target = `${other.url}/auth?`;
  await expect(connect(server.url, USER).tags('a' as RepositoryName, signal)).rejects.toMatchObject({
    kind: 'unavailable',
    reason: expect.stringContaining('token_origins'),
  });
  expect(other.requests).toEqual([]);
});
