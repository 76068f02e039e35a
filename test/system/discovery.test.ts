import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RepositoryName } from '../../src/domain/names.ts';
import { createNameFilter } from '../../src/registry/discovery.ts';
import { type GitlabLab, startGitlabLab } from '../support/gitlab-lab.ts';
import { connect, found } from '../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

const SHOP = ['shop/app', 'shop/app/cache'];
const WEB = ['shop/front/web'];
const TOOLS = ['tools/lint'];
const ALL = [...SHOP, ...WEB, ...TOOLS].sort();

let lab: GitlabLab;
const standIns: StandIn[] = [];

beforeAll(async () => {
  const ofShop = (name: string): boolean => name.startsWith('shop/');
  const projects = [
    { id: 7, path: 'Shop/App', repositories: SHOP, members: ['member'], formerPath: 'old/app' },
    { id: 9, path: 'Shop/Front/Web', repositories: WEB, members: ['member'] },
    { id: 12, path: 'shop/docs', repositories: [], members: ['member', 'writer'], isRegistryOff: true },
    { id: 30, path: 'tools/lint', repositories: TOOLS, members: [] },
  ];
  const users = [
    { username: 'root', isAdmin: true },
    { username: 'member', isAdmin: false, mayPull: ofShop },
    { username: 'reader', isAdmin: false, mayPull: ofShop, isForRegistryOnly: true },
    { username: 'writer', isAdmin: false },
    { username: 'stranger', isAdmin: false },
  ];
  lab = await startGitlabLab(users, projects);
});

afterAll(() => lab.remove());

afterEach(async () => {
  lab.gitlab.forgetCounts();
  Object.assign(lab.gitlab.faults, { tooManyTimes: 0, answer: undefined, externalUrl: undefined, hasDatabase: true });
  for (const server of standIns.splice(0)) await server.stop();
});

async function standIn(...parameters: Parameters<typeof startStandIn>): Promise<StandIn> {
  const server = await startStandIn(...parameters);
  standIns.push(server);
  return server;
}

const failure = (client: Parameters<typeof found>[0]): Promise<unknown> =>
  found(client).catch((error: unknown) => error);

test('reads the catalogue as an administrator, without a list from GitLab', async () => {
  const told: string[] = [];
  const onGitlabFallback = (reason: string): unknown => told.push(reason);
  expect(await found(lab.as('root', { onGitlabFallback }))).toEqual(ALL);
  expect(told).toEqual([]);
  expect(lab.gitlab.counts()).toMatchObject({ catalog: 1 });
  expect(Object.keys(lab.gitlab.counts()).filter((kind) => kind.startsWith('rest'))).toEqual([]);
});

test("lists the repositories of the user's projects if the catalogue is denied, and reports it", async () => {
  const told: string[] = [];
  const onGitlabFallback = (reason: string): unknown => told.push(reason);
  expect(await found(lab.as('member', { onGitlabFallback }))).toEqual([...SHOP, ...WEB]);
  expect(told).toEqual(['the user may not list the repositories; in GitLab and Harbor only administrators may']);
  // The last page of projects is empty, and the registry of one project is disabled.
  expect(lab.gitlab.counts()).toMatchObject({ 'rest projects': 2, 'rest project': 3 });
  // The registry itself has refused the list.
  expect(lab.gitlab.counts().catalog).toBe(1);
});

test('reads the repositories that GitLab lists', async () => {
  const client = lab.as('member');
  await found(client);
  const tags = await client.tags('shop/app/cache' as RepositoryName, new AbortController().signal);
  expect(tags).toMatchObject([{ name: 'v1' }]);
});

test('lists groups with their subgroups, and projects, each repository once', async () => {
  const groups = ['shop', 'Shop/Front', 'shop/app', '9'];
  expect(await found(lab.as('member', { discovery: 'gitlab', groups }))).toEqual([...SHOP, ...WEB]);
  expect(lab.gitlab.counts()).toMatchObject({ 'rest group': 4, 'rest project': 2 });
  expect(lab.gitlab.counts().catalog).toBeUndefined();
});

test('finds a moved project at its new path', async () => {
  const client = lab.as('member', { discovery: 'gitlab', groups: ['old/app'] });
  expect(await found(client)).toEqual(SHOP);
  expect(([...ALL, 'old/app'] as RepositoryName[]).filter(client.isWanted)).toEqual([...SHOP, 'old/app']);
});

test('selects only configured groups and paths below them, not names with the same prefix', () => {
  const isWanted = createNameFilter({ discovery: 'gitlab', groups: ['Shop/App', 'tools'], exclude: ['tools/old'] });
  const names = ['shop', 'shop/app', 'shop/app/cache', 'shop/apple', 'tools', 'tools/lint', 'tools/old', 'toolshed/a'];
  expect(names.filter(isWanted)).toEqual(['shop/app', 'shop/app/cache', 'tools', 'tools/lint']);
});

test('selects any name if GitLab lists all groups, or one by its id', () => {
  for (const groups of [[], ['shop', '9']])
    expect(createNameFilter({ discovery: 'gitlab', groups })('tools/lint')).toBe(true);
  expect(createNameFilter({ discovery: 'auto', groups: ['shop'] })('tools/lint')).toBe(true);
});

test('reads a large group to its last page, also if GitLab does not know its own address', async () => {
  const repositories = Array.from({ length: 250 }, (_, at) => `many/app/r${String(at).padStart(3, '0')}`);
  lab.gitlab.projects.push({ id: 50, path: 'many/app', repositories, members: ['member'] });
  for (const externalUrl of [undefined, 'http://gitlab.invalid']) {
    lab.gitlab.faults.externalUrl = externalUrl;
    lab.gitlab.forgetCounts();
    expect(await found(lab.as('member', { discovery: 'gitlab', groups: ['many'] }))).toEqual(repositories);
    expect(lab.gitlab.counts()['rest group']).toBe(3);
  }
  lab.gitlab.projects.pop();
});

test('reads more than a hundred projects by keyset pagination', async () => {
  const added = Array.from({ length: 210 }, (_, at) => ({
    id: 1000 + at,
    path: `many/p${at}`,
    repositories: [`many/p${at}`],
    members: ['writer'],
  }));
  lab.gitlab.projects.push(...added);
  expect(await found(lab.as('writer', { discovery: 'gitlab' }))).toHaveLength(210);
  expect(lab.gitlab.counts()['rest projects']).toBe(4);
  lab.gitlab.projects.splice(-added.length);
});

test('waits as long as GitLab asks', async () => {
  Object.assign(lab.gitlab.faults, { tooManyTimes: 2, retryAfterSeconds: 0 });
  expect(await found(lab.as('member', { discovery: 'gitlab' }))).toEqual([...SHOP, ...WEB]);
  Object.assign(lab.gitlab.faults, { tooManyTimes: 1, retryAfterSeconds: 3600 });
  const told = await failure(lab.as('member', { discovery: 'gitlab' }));
  expect(told).toMatchObject({ kind: 'unavailable', reason: 'GitLab answered with status 429' });
});

test('sends the access token only to GitLab, in its own header', async () => {
  const thief = await standIn(() => ({ body: [] }));
  const seen: unknown[] = [];
  const gitlab = await standIn((request) => {
    seen.push([request.headers['private-token'], request.headers.authorization]);
    return { status: 301, headers: { location: `${thief.url}/api/v4/projects/1` } };
  });
  const options = { gitlabUrl: `${gitlab.url}/`, username: 'crawler', accessToken: 'secret' } as const;
  const told = await failure(connect(thief.url, { ...options, discovery: 'gitlab' }));
  expect(told).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining(`redirects to ${thief.url}`) });
  expect(seen).toEqual([['secret', undefined]]);
  expect(thief.requests).toEqual([]);
  expect(String(told) + JSON.stringify(told)).not.toContain('secret');
  expect([...lab.gitlab.seenTokens].every((token) => token.startsWith('private-token: '))).toBe(true);
});

test.for([
  [
    'a token for the registry alone',
    'reader',
    {},
    'unavailable',
    /^the user may not list .*; and the access token lacks the scope read_api/,
  ],
  [
    'no project to be a member of',
    'stranger',
    {},
    'forbidden',
    /^the user may not list .*; and the user is not a member of any GitLab project/,
  ],
  [
    'no project with a registry',
    'writer',
    {},
    'forbidden',
    /; and GitLab does not show the registry of any project of the user/,
  ],
  [
    'a group that is not there',
    'member',
    { groups: ['shop', 'nowhere'] },
    'forbidden',
    /; and GitLab has no group or project nowhere/,
  ],
  [
    'a group of others',
    'member',
    { discovery: 'gitlab', groups: ['tools'] },
    'forbidden',
    /^GitLab has no group or project tools/,
  ],
  [
    'nothing but the catalogue',
    'member',
    { discovery: 'catalog' },
    'forbidden',
    /^the user may not list the repositories; in GitLab and Harbor only administrators may$/,
  ],
  [
    'a wrong token',
    'member',
    { accessToken: 'wrong', discovery: 'gitlab' },
    'unavailable',
    /^GitLab rejects the access token/,
  ],
  [
    'no GitLab to ask',
    'member',
    { gitlabUrl: undefined },
    'forbidden',
    /; set \[registry\] discovery = list, and name the repositories in repositories/,
  ],
] as const)('with %s the listing fails, and is no empty registry', async ([, user, options, kind, reason]) => {
  const told = await failure(lab.as(user, { ...options, tokenOrigins: [lab.gitlab.url] }));
  expect(told).toMatchObject({ kind, reason: expect.stringMatching(reason) });
  expect(String(told) + JSON.stringify(told)).not.toContain('token of');
});

const projects = '/api/v4/projects';
test.for([
  [
    'a 403 that is not in GitLab’s words',
    `${projects}/7/registry/repositories`,
    { status: 403, body: '<h1>Blocked</h1>' },
    'unreadable',
  ],
  ['a 404 of something else', `${projects}/7/registry/repositories`, { status: 404, body: '' }, 'unreadable'],
  ['a failure', `${projects}/7/registry/repositories`, { status: 500, body: '' }, 'unavailable'],
  ['a page for maintenance', projects, { status: 200, body: '<h1>Back soon</h1>' }, 'unreadable'],
  ['pages in a circle', projects, { status: 200, headers: { link: '<?a=b>; rel="next"' }, body: [] }, 'unreadable'],
] as const)('%s in the middle of a listing fails it', async ([, path, answer, kind]) => {
  lab.gitlab.faults.answer = ({ pathname }) => (pathname === path ? answer : undefined);
  expect(await failure(lab.as('member', { discovery: 'gitlab', retries: 0 }))).toMatchObject({ kind });
});

test('reads a list again from the start if it shrinks between two pages', async () => {
  let names = Array.from({ length: 4 }, (_, at) => `a/r${at}`);
  const gitlab = await standIn((_, url): Answer => {
    const page = Number(url.searchParams.get('page') ?? 1);
    const body = names.slice(page * 2 - 2, page * 2).map((path) => ({ path }));
    const link = page * 2 < names.length ? { link: `<${url.href}&page=${page + 1}>; rel="next"` } : {};
    const headers = { 'x-total': String(names.length), ...link };
    if (page === 1) names = names.filter((name) => name !== 'a/r0'); // deleted meanwhile: a/r2 moves into the first page
    return { body, headers };
  });
  const registry = await standIn(() => ({}));
  const options = {
    gitlabUrl: `${gitlab.url}/`,
    username: 'u',
    accessToken: 't',
    discovery: 'gitlab',
    groups: ['a'],
  } as const;
  expect(await found(connect(registry.url, options))).toEqual(['a/r1', 'a/r2', 'a/r3']);
});

test('takes configured names without a request for a list', async () => {
  const client = lab.as('member', { discovery: 'list', repositories: ['shop/app', 'not/there'] });
  expect(await found(client)).toEqual(['not/there', 'shop/app']);
  const asked = Object.keys(lab.gitlab.counts());
  expect(asked.filter((kind) => kind === 'catalog' || kind.startsWith('rest'))).toEqual([]);
});

test('reports a configured name that the registry does not know as a gap', async () => {
  const { signal } = new AbortController();
  const [typo, empty] = ['shop/ap', 'shop/empty'] as [RepositoryName, RepositoryName];
  const registry = await standIn((_, { pathname }) => {
    if (pathname === '/v2/') return {};
    if (pathname === `/v2/${empty}/tags/list`) return { body: { tags: null } };
    return { status: 404, body: { errors: [{ code: 'NAME_UNKNOWN' }] } };
  });
  const reason = 'the registry does not know the repository that the configuration names';
  const written = connect(registry.url, { discovery: 'list', repositories: [typo, empty, 'shop/*'] });
  await expect(written.tags(typo, signal)).rejects.toMatchObject({ kind: 'unreadable', reason });
  expect(await written.tags(empty, signal)).toEqual([]);
  // A listed repository, or one from a notification, may have been deleted since.
  expect(await written.tags('shop/other' as RepositoryName, signal)).toEqual([]);
  expect(await connect(registry.url, { repositories: [typo] }).tags(typo, signal)).toEqual([]);
  for (const hasDatabase of [true, false]) {
    lab.gitlab.faults.hasDatabase = hasDatabase;
    const client = lab.as('member', { discovery: 'list', repositories: [typo] });
    await expect(client.tags(typo, signal)).rejects.toMatchObject({ kind: 'unreadable', reason });
  }
});

test("matches patterns against the catalogue, or against GitLab's list", async () => {
  const repositories = ['not/there', 'shop/*', '**/web'];
  for (const user of ['root', 'member'])
    expect(await found(lab.as(user, { discovery: 'list', repositories }))).toEqual([
      'not/there',
      'shop/app',
      'shop/front/web',
    ]);
});

test('applies include and exclude to every source, and exclude takes precedence', async () => {
  const patterns = { include: ['shop/**', 'not/*'], exclude: ['**/cache'] };
  const ways = [
    ['root', { discovery: 'catalog' }],
    ['member', { discovery: 'gitlab' }],
    ['root', { discovery: 'list', repositories: ['**', 'shop/app/cache'] }],
  ] as const;
  for (const [user, options] of ways)
    expect(await found(lab.as(user, { ...options, ...patterns }))).toEqual(['shop/app', 'shop/front/web']);
});

test('reports an illegal name separately unless it is excluded', async () => {
  const registry = await standIn((_, url) =>
    url.pathname === '/v2/' ? {} : { body: { repositories: ['a', 'B/c', 'B/d', 'a'] } },
  );
  expect(await found(connect(registry.url, { exclude: ['*/d'] }))).toEqual([{ illegal: 'B/c' }, 'a']);
});

test('does not take a failing catalogue for a denied one', async () => {
  lab.gitlab.forgetCounts();
  const registry = await standIn((_, url) => (url.pathname === '/v2/' ? {} : { status: 404, body: '' }));
  const options = { gitlabUrl: `${lab.gitlab.url}/`, username: 'member', accessToken: 'token of member' };
  expect(await failure(connect(registry.url, options))).toMatchObject({ kind: 'unreadable', status: 404 });
  expect(lab.gitlab.counts()).toEqual({});
});
