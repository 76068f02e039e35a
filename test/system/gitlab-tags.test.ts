import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { config, TYPES } from '../../lab/images.ts';
import type { RepositoryName } from '../../src/domain/names.ts';
import type { DistributionRegistry } from '../../src/registry/distribution.ts';
import { type GitlabLab, startGitlabLab } from '../support/gitlab-lab.ts';
import { connect, found } from '../support/registry-client.ts';

const MANY = 'shop/many' as RepositoryName;
const APP = 'shop/app' as RepositoryName;
const OTHERS = ['shop/a', 'shop/b', 'shop/c', 'shop/d'] as RepositoryName[];
const SECRET = 'secret/app' as RepositoryName;
const TAGS = Array.from({ length: 2400 }, (_, at) => `t${String(at).padStart(4, '0')}`);
/** The stand-in states these for every tag, unless a test sets others. */
const CREATED_AT = Date.parse('2024-05-06T07:08:09.123Z');
const USUAL_TIMES = { createdAt: CREATED_AT, updatedAt: undefined, publishedAt: CREATED_AT };
const { signal } = new AbortController();

let lab: GitlabLab;
let digestOfMany: string;

beforeAll(async () => {
  const repositories = [MANY, APP, ...OTHERS, SECRET];
  lab = await startGitlabLab(
    [
      { username: 'root', isAdmin: true },
      { username: 'member', isAdmin: false, mayPull: (name) => name.startsWith('shop/') },
    ],
    [{ id: 1, path: 'shop', repositories, members: ['member'] }],
  );
  const tags = join(lab.registry.storageDirectory, 'docker/registry/v2/repositories', MANY, '_manifests/tags');
  digestOfMany = readFileSync(join(tags, 'v1/current/link'), 'utf8');
  for (const tag of TAGS) {
    mkdirSync(join(tags, tag, 'current'), { recursive: true });
    writeFileSync(join(tags, tag, 'current/link'), digestOfMany);
  }
});

afterAll(() => lab.remove());

afterEach(() => {
  lab.gitlab.forgetCounts();
  Object.assign(lab.gitlab.faults, { hasDatabase: true, answer: undefined, tagTimes: undefined });
});

/** The requests for tags that the registry received. */
function asked(): object {
  const { 'gitlab probe': probe, 'gitlab tags': gitlab, tags, 'without slash': astray } = lab.gitlab.counts();
  return { probe, gitlab, tags, astray };
}

const answering = (path: RegExp, status: number, body: unknown = '') => {
  lab.gitlab.faults.answer = ({ pathname }) => (path.test(pathname) ? { status, body } : undefined);
};

const digests = async (client: DistributionRegistry, repository: RepositoryName) =>
  Promise.all(
    (await client.tags(repository, signal)).map(
      async (tag) => 'name' in tag && (await client.resolve(repository, tag.name, undefined, signal)),
    ),
  );

test('lists thousands of tags with their digests, a thousand per request', async () => {
  const tags = await lab.as('member').tags(MANY, signal);
  expect(tags).toEqual([...TAGS, 'v1'].map((name) => ({ name, digest: digestOfMany, times: USUAL_TIMES })));
  expect(asked()).toEqual({ probe: 1, gitlab: 3 });
  expect(lab.gitlab.counts()).toMatchObject({ token: 1 });
});

test('requests every page in our own size and at our own address, not those of the link', async () => {
  const queries: string[] = [];
  const headers = { link: '</elsewhere/?before=a>; rel="previous", <http://evil.invalid/?n=1&last=a>; rel="next"' };
  lab.gitlab.faults.answer = ({ pathname, search, searchParams }) => {
    if (!pathname.endsWith('/tags/list/')) return undefined;
    queries.push(search);
    if (searchParams.has('last')) return { status: 200, body: [{ name: 'b' }] };
    return { status: 200, body: [{ name: 'a' }], headers };
  };
  expect(await lab.as('member').tags(APP, signal)).toEqual([{ name: 'a' }, { name: 'b' }]);
  expect(queries).toEqual(['?n=1000', '?n=1000&last=a']);
});

test('gives a tag of an index the digest of the index', async () => {
  const image = await lab.pusher.image(APP, undefined, { config: config('amd64'), layers: [] });
  const index = await lab.pusher.manifest(APP, 'multi', TYPES.ociIndex, { schemaVersion: 2, manifests: [image] });
  const client = lab.as('member');
  const tags = await client.tags(APP, signal);
  expect(tags).toContainEqual({ name: 'multi', digest: index.digest, times: USUAL_TIMES });
  expect(tags.map((tag) => 'digest' in tag && tag.digest)).toEqual(await digests(client, APP));
});

test('probes for the API once per crawl, for all repositories', async () => {
  const client = lab.as('member', { discovery: 'list', repositories: OTHERS });
  for (let crawls = 1; crawls <= 2; crawls++) {
    await found(client);
    await Promise.all(OTHERS.map((name) => client.tags(name, signal)));
    expect(asked()).toEqual({ probe: crawls, gitlab: OTHERS.length * crawls });
  }
});

test('lists tags by the protocol if the registry has no metadata database', async () => {
  lab.gitlab.faults.hasDatabase = false;
  const client = lab.as('member');
  expect(await client.tags(MANY, signal)).toHaveLength(TAGS.length + 1);
  expect(await client.tags(APP, signal)).toContainEqual({ name: 'v1' });
  expect(asked()).toEqual({ probe: 1, tags: 2 });
});

test('does not probe a registry that does not belong to GitLab', async () => {
  const client = lab.as('member', { gitlabUrl: undefined, tokenOrigins: [lab.gitlab.url] });
  expect(await client.tags(MANY, signal)).toHaveLength(TAGS.length + 1);
  expect(asked()).toEqual({ tags: 3 });
  const plain = connect(lab.registry.url, { gitlabUrl: `${lab.gitlab.url}/` });
  await expect(plain.tags(APP, signal)).rejects.toThrow('not a configured origin');
});

test.for([
  ['an old version that does not know the path', 404, ''],
  ['parameters that it does not take', 400, { errors: [{ code: 'INVALID_QUERY_PARAMETER_VALUE' }] }],
  ['a database that takes too long', 500, { errors: [{ code: 'UNKNOWN' }] }],
  ['a page of somebody else', 200, '<h1>Sign in</h1>'],
  ['a list of something else', 200, [{ id: 1 }]],
  ['a proxy that keeps it shut', 403, '<h1>Forbidden</h1>'],
  ['a proxy that wants to know more', 401, '<h1>Sign in</h1>'],
] as const)('behind %s the tags of that repository are listed as everywhere', async ([, status, body]) => {
  answering(/many\/tags\/list\/$/, status, body);
  const client = lab.as('member', { retries: 0 });
  expect(await client.tags(MANY, signal)).toHaveLength(TAGS.length + 1);
  expect(await client.tags(APP, signal)).toContainEqual({ name: 'v1', digest: expect.any(String), times: USUAL_TIMES });
  expect(asked()).toMatchObject({ probe: 1, tags: 3 });
});

test.for([
  ['404', 404, ''],
  ['403', 403, ''],
  ['401', 401, ''],
  ['500', 500, ''],
  ['page for people', 200, '<h1>GitLab</h1>'],
] as const)('where the answer to the question for it is a %s, there is no such listing', async ([, status, body]) => {
  answering(/^\/gitlab\/v1\/$/, status, body);
  const client = lab.as('member', { retries: 0 });
  await Promise.all(OTHERS.map((name) => client.tags(name, signal)));
  expect(asked()).toMatchObject({ gitlab: undefined, tags: OTHERS.length });
});

test('reads a deleted repository as one without tags, with one request', async () => {
  expect(await lab.as('member').tags('shop/gone' as RepositoryName, signal)).toEqual([]);
  expect(asked()).toEqual({ probe: 1, gitlab: 1 });
});

test('continues with other repositories if one is forbidden', async () => {
  const client = lab.as('member');
  const outcomes = await Promise.allSettled([SECRET, ...OTHERS].map((name) => client.tags(name, signal)));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', ...OTHERS.map(() => 'fulfilled')]);
  expect(outcomes[0]).toMatchObject({ reason: { kind: 'forbidden' } });
  // The registry is asked once for the forbidden one too: its answer counts, not that of the token service.
  expect(asked()).toEqual({ probe: 1, gitlab: OTHERS.length + 1 });
});

test('keeps a tag without its digest if the digest is missing or invalid', async () => {
  answering(/app\/tags\/list\/$/, 200, [
    { name: 'a' },
    { name: 'b', digest: null },
    { name: 'c', digest: 'sha256:abc' },
    { name: 'd', digest: 5 },
    { name: 'e', digest: digestOfMany },
    { name: '-f', digest: digestOfMany },
  ]);
  expect(await lab.as('member').tags(APP, signal)).toEqual([
    ...['a', 'b', 'c', 'd'].map((name) => ({ name })),
    { name: 'e', digest: digestOfMany },
    { illegal: '-f' },
  ]);
});

test('reads the times of each tag, and none that is not a time', async () => {
  const time = '2026-11-22T12:00:00.500Z';
  const at = Date.parse(time);
  answering(/app\/tags\/list\/$/, 200, [
    { name: 'a', created_at: time, updated_at: time, published_at: time },
    { name: 'b', created_at: time, updated_at: null, published_at: 'yesterday' },
    { name: 'c', created_at: '0001-01-01T00:00:00.000Z', updated_at: 5 },
    { name: 'd', published_at: '2026-11-22T13:00:00.500+01:00' },
  ]);
  expect(await lab.as('member').tags(APP, signal)).toEqual([
    { name: 'a', times: { createdAt: at, updatedAt: at, publishedAt: at } },
    { name: 'b', times: { createdAt: at, updatedAt: undefined, publishedAt: undefined } },
    { name: 'c' },
    { name: 'd', times: { createdAt: undefined, updatedAt: undefined, publishedAt: at } },
  ]);
});
