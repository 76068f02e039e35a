import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../../../src/domain/snapshot/snapshot.ts';
import { randomSnapshot } from '../../../support/random-snapshot.ts';
import { crawlOf, image } from '../../../support/sample-registry-content.ts';
import { emptySnapshot, sampleRepository, sampleTag } from '../../../support/sample-snapshot.ts';
import { createTestServer } from '../../../support/server.ts';
import { parseCsv } from '../../../support/strict-csv.ts';

/* Compares the pages of every collection with a slow, obvious twin: all members in one response, filtered and sorted by the test. */

let latest: Snapshot | undefined;
let origin: string;
const { server } = createTestServer({ snapshots: { latest: () => latest } });

beforeAll(async () => {
  origin = new URL(await server.listen({ host: '127.0.0.1', port: 0 })).origin;
});

afterAll(() => server.close());

type Member = Readonly<Record<string, unknown>>;

function ask(href: string, headers: Readonly<Record<string, string>> = {}) {
  return fetch(origin + href, { headers: { authorization: 'Bearer good', ...headers } });
}

async function readHal(href: string) {
  const answer = await ask(href);
  const text = await answer.text();
  expect(answer.status, `${href}: ${text}`).toBe(200);
  return { headers: answer.headers, body: JSON.parse(text) };
}

async function readLines(href: string): Promise<{ headers: Headers; members: readonly Member[] }> {
  const answer = await ask(href, { accept: 'application/x-ndjson' });
  const text = await answer.text();
  expect([answer.status, answer.headers.get('content-type')], `${href}: ${text}`).toEqual([
    200,
    'application/x-ndjson',
  ]);
  return {
    headers: answer.headers,
    members: text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  };
}

function linkIn(headers: Headers, relation: string): string | undefined {
  return new RegExp(`<([^>]*)>; rel="${relation}"`).exec(headers.get('link') ?? '')?.[1];
}

const FIGURES = [
  'size',
  'disk_size',
  'deduplicated_bytes',
  'reclaimable_bytes',
  'shared_bytes',
  'metadata_bytes',
  'tags_count',
];
const OF_TAGS = [...FIGURES, 'created_at', 'last_pulled_at', 'layers_count'];

interface Collection {
  readonly path: (snapshot: Snapshot) => string | undefined;
  readonly nameOf: (member: Member) => string;
  /** Orders by number or time; `texts` are the others. */
  readonly orders: readonly string[];
  readonly texts: readonly string[];
}

const holderName = ({ repository, name }: Member) => `${repository}:${name}`;
const aTagOf = ({ repositories }: Snapshot) => {
  const repository = repositories.findLast(({ tags }) => tags.length > 0);
  const tag = repository?.tags.at(-1);
  return repository && tag && { repository: encodeURIComponent(repository.name), tag };
};

const COLLECTIONS: Readonly<Record<string, Collection>> = {
  repositories: {
    path: () => '/repositories',
    nameOf: ({ name }) => String(name),
    orders: FIGURES,
    texts: ['name'],
  },
  'tags of a repository': {
    path: (snapshot) => aTagOf(snapshot) && `/repositories/${aTagOf(snapshot)?.repository}/tags`,
    nameOf: ({ name }) => String(name),
    orders: OF_TAGS,
    texts: ['name'],
  },
  'all tags': { path: () => '/tags', nameOf: holderName, orders: OF_TAGS, texts: ['name'] },
  'children of the top': {
    path: () => '/namespaces',
    nameOf: ({ name }) => String(name),
    orders: FIGURES,
    texts: ['name'],
  },
  'children of a namespace': {
    path: ({ namespaces }) => namespaces[0] && `/namespaces/${encodeURIComponent(namespaces[0].path)}`,
    nameOf: ({ name }) => String(name),
    orders: FIGURES,
    texts: ['name'],
  },
  blobs: {
    path: () => '/blobs',
    nameOf: ({ digest }) => String(digest),
    orders: ['bytes', 'tags_count', 'repositories_count'],
    texts: ['digest'],
  },
  'tags that reach a blob': {
    path: (snapshot) => {
      const digest = aTagOf(snapshot)?.tag.manifest?.digest;
      return digest && `/blobs/${encodeURIComponent(digest)}`;
    },
    nameOf: holderName,
    orders: OF_TAGS,
    texts: ['name'],
  },
  'blobs of a tag': {
    path: (snapshot) => {
      const { repository, tag } = aTagOf(snapshot) ?? {};
      return tag && `/repositories/${repository}/tags/${tag.name}/blobs`;
    },
    nameOf: ({ digest }) => String(digest),
    orders: ['bytes', 'tags_count', 'repositories_count'],
    texts: ['digest'],
  },
  gaps: {
    path: () => '/gaps',
    nameOf({ repository, reference }) {
      const mark = String(reference).includes(':') ? '@' : ':';
      return reference === null ? String(repository) : `${repository}${mark}${reference}`;
    },
    orders: [],
    texts: ['name'],
  },
};

/** Returns the twin of a word or a glob. */
function matcherOf(search: string): (name: string) => boolean {
  const written = search.replaceAll(/[+.]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  const pattern = new RegExp(/[*?]/.test(search) ? `^${written}$` : written, 'is');
  return (name) => pattern.test(name);
}

const has = (name: string, letter: string): boolean => name.toLowerCase().includes(letter);

/** Searches, and what each finds. */
const SEARCHES: readonly { readonly text: string; readonly fits: (name: string) => boolean }[] = [
  ...['', 'a', 'A/B', 'a*', '*1', '?', '*/*', 'sha256:*', '+il'].map((text) => ({ text, fits: matcherOf(text) })),
  { text: 'nothing like it', fits: (name) => has(name, 'nothing') && has(name, 'like') && has(name, 'it') },
  { text: 'a OR b', fits: (name) => has(name, 'a') || has(name, 'b') },
  { text: '(a b) OR NOT a', fits: (name) => has(name, 'b') || !has(name, 'a') },
  { text: '/^a/', fits: (name) => /^a/i.test(name) },
];

const asked = fc.record({
  order: fc.option(fc.nat(20)),
  sort: fc.constantFrom(undefined, 'asc', 'desc'),
  search: fc.constantFrom(...SEARCHES.map(({ text }) => text)),
  perPage: fc.integer({ min: 1, max: 4 }),
});

/** The twin: sorts and filters the members by the values in the response. */
function expected(
  all: readonly Member[],
  collection: Collection,
  key: string | undefined,
  sort: string,
  search: string,
) {
  const { fits = () => false } = SEARCHES.find(({ text }) => text === search) ?? {};
  const value = (member: Member, position: number) =>
    key === undefined || (key === 'name' && !('relation' in member)) ? position : (member[key] as number | null);
  return all
    .map((member, position) => ({ member, position, by: value(member, position) }))
    .filter(({ member }) => fits(collection.nameOf(member)))
    .sort((a, b) => {
      if (a.by === b.by) return a.position - b.position;
      if (a.by === null) return 1;
      if (b.by === null) return -1;
      return a.by < b.by === (sort === 'asc') ? -1 : 1;
    })
    .map(({ member }) => member);
}

test.for(Object.entries(COLLECTIONS))(
  '%s: all pages together contain each selected member once, in the requested order',
  { timeout: 60_000 },
  async ([, collection]) => {
    await fc.assert(
      fc.asyncProperty(randomSnapshot, asked, async (snapshot, { order, sort, search, perPage }) => {
        latest = snapshot;
        const path = collection.path(snapshot);
        if (path === undefined) return;
        const { members: all } = await readLines(`/usage${path}`);
        const names = [...collection.texts, ...collection.orders];
        const orderBy = order === null ? undefined : names[order % names.length];
        const own = path === '/blobs' ? 'bytes' : undefined;
        const usual = collection.orders.includes(orderBy ?? own ?? '') ? 'desc' : 'asc';
        const parameters = new URLSearchParams({ per_page: String(perPage), search });
        if (orderBy !== undefined) parameters.set('order_by', orderBy);
        if (sort !== undefined) parameters.set('sort', sort);
        const wanted = expected(all, collection, orderBy ?? own, sort ?? usual, search);
        expect(await walk(`/usage${path}?${parameters}`, perPage, wanted.length)).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  },
);

async function walk(first: string, perPage: number, total: number): Promise<readonly Member[]> {
  const walked: Member[] = [];
  const lastPage = Math.max(1, Math.ceil(total / perPage));
  let href: string | undefined = first;
  for (let page = 1; href !== undefined; page++) {
    const { headers, members } = await readLines(href);
    walked.push(...members);
    const said = ['total', 'total-pages', 'page', 'per-page', 'next-page', 'prev-page'].map((one) =>
      headers.get(`x-${one}`),
    );
    const next = page < lastPage ? String(page + 1) : '';
    const prev = page > 1 ? String(page - 1) : '';
    expect(said).toEqual([String(total), String(lastPage), String(page), String(perPage), next, prev]);
    for (const relation of ['first', 'prev', 'next', 'last']) {
      const to = { first: '1', prev, next, last: String(lastPage) }[relation];
      const link = linkIn(headers, relation);
      expect(link && new URL(link, origin).searchParams.get('page'), relation).toBe(to === '' ? undefined : to);
    }
    await expectSameInOtherForms(href, headers, members);
    href = linkIn(headers, 'next');
  }
  return walked;
}

async function expectSameInOtherForms(href: string, headers: Headers, members: readonly Member[]) {
  const hal = await readHal(`${href}&embed=1`);
  expect(hal.body).toMatchObject({
    page: Number(headers.get('x-page')),
    per_page: Number(headers.get('x-per-page')),
    total: Number(headers.get('x-total')),
    total_pages: Number(headers.get('x-total-pages')),
  });
  const { items, child_namespaces = [], child_repositories = [] } = hal.body._embedded ?? {};
  const children = (relation: string, all: readonly Member[]) => all.map((one) => ({ relation, ...one }));
  const embedded = items ??
    hal.body.gaps ?? [
      ...children('child_namespaces', child_namespaces),
      ...children('child_repositories', child_repositories),
    ];
  // HAL embeds namespaces and repositories in separate relations, each in the order of the page.
  const ofRelation = (relation: string) => members.filter((one) => one['relation'] === relation);
  const sorted = [undefined, 'child_namespaces', 'child_repositories'].flatMap((one) =>
    members.filter(({ relation }) => relation === one),
  );
  expect(embedded).toEqual(sorted);
  expect(ofRelation('child_namespaces').length + ofRelation('child_repositories').length).toBe(
    'relation' in (members[0] ?? {}) ? members.length : 0,
  );
  const csv = await ask(href, { accept: 'text/csv' });
  expect(csv.headers.get('link')).toBe(headers.get('link'));
  const [columns = [], ...records] = parseCsv(await csv.text());
  expect(records).toEqual(members.map((member) => columns.map((column) => cell(member[column]))));
  for (const member of members) expect(columns).toEqual(expect.arrayContaining(Object.keys(member)));
}

/** Returns the expected CSV field: empty for null, and with an apostrophe before a possible formula. */
function cell(value: unknown): string {
  const text = Array.isArray(value) ? value.join(' ') : String(value ?? '');
  return typeof value === 'string' && '=+-@'.includes(text[0] ?? ' ') ? `'${text}` : text;
}

const THREE: Snapshot = {
  ...emptySnapshot(1_700_000_000_000),
  repositories: ['a', 'b', 'c'].map((name, i) => sampleRepository(name, i, i, [sampleTag('1', i, i)])),
};

test('links from a page to its neighbours, with all parameters, and to a search template', async () => {
  latest = THREE;
  const href = '/usage/repositories?per_page=1&page=2&order_by=disk_size&sort=asc&search=*&embed=1&links=true';
  const { headers, body } = await readHal(href);
  const at = (page: number) => ({
    href: `/usage/repositories?page=${page}&per_page=1&order_by=disk_size&sort=asc&search=*&embed=1&links=true&snapshot=${encodeURIComponent(THREE.id)}`,
  });
  const { self, first, prev, next, last, search, items } = body._links;
  expect({ self, first, prev, next, last }).toEqual({
    self: at(2),
    first: at(1),
    prev: at(1),
    next: at(3),
    last: at(3),
  });
  expect(search).toEqual({
    href: '/usage/repositories{?search,order_by,sort,page,per_page,snapshot,embed,links}',
    templated: true,
  });
  expect(items).toEqual([{ href: '/usage/repositories/b', title: 'b' }]);
  expect(headers.get('link')).toBe(
    `<${at(1).href}>; rel="first", <${at(1).href}>; rel="prev", <${at(3).href}>; rel="next", <${at(3).href}>; rel="last"`,
  );
  expect(body).toMatchObject({ repositories_count: 3, page: 2, per_page: 1, total: 3, total_pages: 3 });
  expect((await readHal(next.href)).body._embedded.items).toMatchObject([{ name: 'c' }]);
  const whole = await readHal(href.replace('embed=1', 'embed=true'));
  expect(whole.body._embedded.items).toMatchObject([
    { name: 'b', _embedded: { related: { _embedded: { items: [{ name: '1' }] } } } },
  ]);
});

test('returns an empty page after the last one, with a link back', async () => {
  latest = THREE;
  const { headers, body } = await readHal('/usage/repositories?page=9&per_page=2&embed=1&links=true');
  expect(body._embedded).toEqual({ items: [] });
  expect(body._links.items).toBeUndefined();
  expect(new URL(body._links.prev.href, origin).searchParams.get('page')).toBe('2');
  expect([headers.get('x-page'), headers.get('x-next-page'), headers.get('x-prev-page')]).toEqual(['9', '', '2']);
  expect(linkIn(headers, 'next')).toBeUndefined();
});

test('returns the whole collection, in the requested order, without page and per_page', async () => {
  latest = THREE;
  const plain = await readHal('/usage/repositories?embed=1');
  expect([plain.body._embedded.items.length, plain.body.page, plain.headers.get('x-total')]).toEqual([
    3,
    undefined,
    null,
  ]);
  const { body, headers } = await readHal('/usage/repositories?embed=1&order_by=size&links=true');
  expect(body._embedded.items.map(({ name }: Member) => name)).toEqual(['c', 'b', 'a']);
  expect([headers.get('link'), body._links.self.href]).toEqual([
    null,
    '/usage/repositories?order_by=size&embed=1&links=true',
  ]);
  const empty = await readHal('/usage/repositories?search=x&embed=true&page=1');
  expect(empty.body).toMatchObject({ repositories_count: 3, total: 0, total_pages: 1, _embedded: { items: [] } });
});

test('returns 400 that names the wrong parameter', async () => {
  latest = THREE;
  for (const [query, detail] of Object.entries({
    'page=0': /^page .* 1 to 999999999$/,
    'page=': /^page /,
    'page=1.5': /^page /,
    'per_page=1001': /^per_page .* 1 to 1000$/,
    'order_by=created_at':
      /^order_by .* name, size, disk_size, deduplicated_bytes, reclaimable_bytes, shared_bytes, metadata_bytes, database_bytes, tags_count$/,
    'order_by=__proto__': /^order_by .* name, /,
    'sort=DESC': /^sort .* asc .* desc$/,
    [`search=${'€'.repeat(57)}`]: /^search .* 512 /,
    [`search=${'x'.repeat(513)}`]: /^search .* 512 /,
    'search=a+AND+(b': /^search is not valid: at character 7: the parenthesis is not closed$/,
    'search=ab+/(/': /^search is not valid: at character 4: the regular expression is not valid: missing closing \)/,
  })) {
    for (const accept of ['application/hal+json', 'text/csv']) {
      const answer = await ask(`/usage/repositories?${query}`, { accept });
      expect([answer.status, answer.headers.get('content-type')], query).toEqual([400, 'application/problem+json']);
      expect(((await answer.json()) as Member)['detail']).toEqual(
        typeof detail === 'string' ? detail : expect.stringMatching(detail),
      );
    }
  }
  expect((await readHal('/usage/repositories?nothing=of&ours')).body.repositories_count).toBe(3);
});

test('a term with a colon looks at the repository and the tag in every list', async () => {
  latest = crawlOf([image('a'), image('b')]).snapshot;
  const found = async (path: string, search: string): Promise<unknown> =>
    (await readHal(`/usage${path}?page=1&search=${search}`)).body.total;
  for (const path of ['/repositories', '/namespaces/group', '/repositories/group%2Fapp/tags', '/tags']) {
    const hasTags = path.endsWith('tags');
    expect(await found(path, 'app:1'), path).toBe(1);
    expect(await found(path, 'group/*:1'), path).toBe(1);
    expect(await found(path, 'other:1'), path).toBe(0);
    expect(await found(path, 'app:2'), path).toBe(hasTags ? 0 : 1);
    expect(await found(path, 'app:'), path).toBe(hasTags ? 2 : 1);
  }
});

test('repeats any search text in links, without a way to inject a header', async () => {
  latest = THREE;
  const search = 'a>; rel="next", <x\r\nx-evil: 1\ud800é';
  const { headers } = await readHal(`/usage/repositories?page=1&search=${encodeURIComponent(search.toWellFormed())}`);
  const first = new URL(linkIn(headers, 'first') ?? '', origin);
  expect(first.searchParams.get('search')).toBe(search.toWellFormed());
  expect([linkIn(headers, 'next'), headers.get('x-evil')]).toEqual([undefined, null]);
});

test('lets pages of other origins read the page headers', async () => {
  latest = THREE;
  const { headers } = await ask('/usage/repositories?page=1', { origin: 'https://page.example' });
  const exposed = headers.get('access-control-expose-headers')?.split(', ') ?? [];
  for (const name of ['Link', 'X-Total', 'X-Total-Pages', 'X-Page', 'X-Per-Page', 'X-Next-Page', 'X-Prev-Page']) {
    expect(exposed).toContain(name);
  }
});

test('reads a second `?` in the URL as part of the search pattern', async () => {
  latest = THREE;
  const { headers } = await readHal('/usage/repositories?search=?&sort=desc&per_page=1&embed=1');
  expect([headers.get('x-total'), linkIn(headers, 'next')]).toEqual([
    '3',
    `/usage/repositories?page=2&per_page=1&sort=desc&search=%3F&embed=1&snapshot=${encodeURIComponent(THREE.id)}`,
  ]);
});

test('links from a page of an ambiguous path to pages of the chosen resource', async () => {
  const tags = ['1', '2'].map((name) => sampleTag(name, 1, 1));
  latest = { ...THREE, repositories: ['a', 'a/tags'].map((name) => sampleRepository(name, 1, 1, tags)) };
  const href = '/usage/repositories/a/tags?per_page=1&embed=1';
  expect((await ask(href)).status).toBe(300);
  const { headers } = await readHal(`${href}&exact=true`);
  const { body } = await readHal(linkIn(headers, 'next') ?? '');
  expect(body._embedded.items).toMatchObject([{ name: '2' }]);
});

test('returns a readable problem without the headers of the page if the response fails', async () => {
  const broken = sampleRepository('d', 1, 1, []);
  Object.defineProperty(broken, 'staleSince', {
    get() {
      throw new Error('broken');
    },
  });
  latest = { ...THREE, repositories: [broken] };
  for (const accept of ['application/hal+json', 'text/csv', 'application/x-ndjson']) {
    const answer = await ask('/usage/repositories?page=1&embed=1', { accept, 'accept-encoding': 'gzip' });
    expect([answer.status, answer.headers.get('content-type')], accept).toEqual([500, 'application/problem+json']);
    for (const name of ['etag', 'content-encoding', 'link', 'x-total']) {
      expect(answer.headers.get(name), `${name} for ${accept}`).toBe(null);
    }
    expect(await answer.json()).toMatchObject({ status: 500 });
  }
});
