import { Validator } from '@seriousme/openapi-schema-validator';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type CollectionSpec, describeCollection } from '../../../src/api/collections/descriptor.ts';
import { BY_NAME, byNumber } from '../../../src/api/collections/orders.ts';
import { RESOURCES } from '../../../src/api/collections/resources.ts';
import { membersOf, representList } from '../../../src/api/hal/represent-list.ts';
import type { RepresentationContext } from '../../../src/api/hal/representation.ts';
import { count, itemLinks, itemsOf, pageLinks, pageState, text } from '../../../src/api/schemas/schema-parts.ts';
import type { TagFigures } from '../../../src/domain/snapshot/snapshot.ts';
import { openApiDocument } from '../../../tools/openapi/document.ts';
import { documented, validatorOf } from '../../support/described-operations.ts';
import { createDescribedServer } from '../../support/described-server.ts';

/* Two list resources that the service does not have: the platforms of a repository, and those of the whole registry. Their descriptors are the only
 * thing that is added here, so the tests show that everything else follows from a descriptor. */

interface Platform {
  readonly name: string;
  readonly tagsCount: number;
}

const platform = z.strictObject({ name: text('Such as linux/amd64.'), tags_count: count('Tags for it.') });
const platforms = z.strictObject({
  platforms_count: count('Platforms.'),
  ...pageState,
  _links: z.strictObject({ ...pageLinks, ...itemLinks }).optional(),
  _embedded: itemsOf(platform),
});

const COMMON: Pick<
  CollectionSpec<Platform>,
  'schema' | 'memberSchemas' | 'columns' | 'orders' | 'ownOrder' | 'nameOf'
> = {
  schema: { name: 'Platforms', schema: platforms },
  memberSchemas: [{ name: 'Platform', schema: platform }],
  columns: ['name', 'tags_count'],
  orders: { ...BY_NAME, tags_count: byNumber(({ tagsCount }) => tagsCount) },
  ownOrder: 'name',
  nameOf: ({ name }) => name,
};

const OF_REPOSITORY = describeCollection<Platform>({
  ...COMMON,
  path: '/repositories/{repository}/platforms',
  relation: 'platforms',
  operation: { id: 'listPlatforms', section: 'tree', summary: 'The platforms of a repository' },
  find([name = ''], context) {
    const repository = context.index.repository(name);
    return repository && platformsOf(repository.tags, context);
  },
});

const OF_REGISTRY = describeCollection<Platform>({
  ...COMMON,
  path: '/platforms',
  relation: 'all_platforms',
  operation: { id: 'listAllPlatforms', section: 'tree', summary: 'The platforms of all repositories' },
  find: (_, context) =>
    platformsOf(
      context.index.snapshot.repositories.flatMap(({ tags }) => tags),
      context,
    ),
});

function platformsOf(tags: readonly TagFigures[], context: RepresentationContext) {
  const names = tags.flatMap(({ manifest }) => manifest?.platforms ?? []);
  const counted = [...Map.groupBy(names, (name) => name)].map(([name, { length }]) => ({ name, tagsCount: length }));
  const members = membersOf(counted.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  const represent = ({ name, tagsCount }: Platform) => ({ name, tags_count: tagsCount });
  return {
    members,
    representLine: represent,
    represent: (view: Parameters<typeof representList>[0]) =>
      representList(view, context, {
        state: { platforms_count: members.length },
        members,
        links: (items) => items,
        linkTo: ({ name }) => ({ href: context.links.allTags(), title: name }),
        represent,
      }),
  };
}

const resources = [...RESOURCES, OF_REPOSITORY, OF_REGISTRY];
const APP = '/repositories/group%2Fapp/platforms';
const [AMD64, ARM64] = [
  { name: 'linux/amd64', tags_count: 3 },
  { name: 'linux/arm64', tags_count: 1 },
];

let server: FastifyInstance;

beforeAll(() => {
  server = createDescribedServer('collected', { resources });
});

afterAll(() => server.close());

async function ask(path: string, accept = 'application/hal+json', from = server) {
  const { statusCode, headers, body } = await from.inject({
    url: `/usage${path}`,
    headers: { authorization: 'Bearer good', accept },
  });
  return { status: statusCode, headers, body, json: () => JSON.parse(body) };
}

test('does not exist without its descriptor', async () => {
  const usual = createDescribedServer('collected');
  for (const path of [APP, '/platforms']) expect((await ask(path, undefined, usual)).status).toBe(404);
  await usual.close();
});

test('is a HAL resource, with members and links if the request asks for them', async () => {
  expect((await ask(APP)).json()).toEqual({ platforms_count: 2 });
  const { _links, ...rest } = (await ask(`${APP}?embed=1&links=true`)).json();
  expect(rest).toEqual({ platforms_count: 2, _embedded: { items: [AMD64, ARM64] } });
  expect(_links).toEqual({
    self: { href: `/usage${APP}` },
    search: {
      href: `/usage${APP}{?search,order_by,sort,page,per_page,snapshot,embed,links}`,
      templated: true,
    },
    items: [
      { href: '/usage/tags', title: 'linux/amd64' },
      { href: '/usage/tags', title: 'linux/arm64' },
    ],
  });
});

test('has pages', async () => {
  const { headers, json } = await ask(`${APP}?page=2&per_page=1&embed=1&links=true`);
  expect(headers).toMatchObject({ 'x-total': '2', 'x-page': '2', 'x-prev-page': '1', 'x-next-page': '' });
  const { _links, _embedded, ...state } = json();
  expect(state).toEqual({ platforms_count: 2, page: 2, per_page: 1, total: 2, total_pages: 2 });
  expect(_embedded.items).toEqual([ARM64]);
  const previous = (await ask(_links.prev.href.slice('/usage'.length))).json();
  expect(previous._embedded.items).toEqual([AMD64]);
});

test('can be sorted and searched', async () => {
  const itemsOf = async (query: string) => (await ask(`${APP}?embed=1&${query}`)).json()._embedded.items;
  expect(await itemsOf('order_by=tags_count')).toEqual([AMD64, ARM64]);
  expect(await itemsOf('order_by=tags_count&sort=asc')).toEqual([ARM64, AMD64]);
  expect(await itemsOf('sort=desc')).toEqual([ARM64, AMD64]);
  expect(await itemsOf('search=*arm*')).toEqual([ARM64]);
  const unknown = await ask(`${APP}?order_by=size`);
  expect([unknown.status, unknown.json().detail]).toEqual([400, expect.stringContaining('name, tags_count')]);
});

test('can be exported as CSV and NDJSON', async () => {
  expect((await ask(APP, 'text/csv')).body).toBe('name,tags_count\r\nlinux/amd64,3\r\nlinux/arm64,1\r\n');
  expect((await ask(APP, 'application/x-ndjson')).body).toBe(`${JSON.stringify(AMD64)}\n${JSON.stringify(ARM64)}\n`);
});

test('is found if a proxy has decoded the path', async () => {
  expect((await ask('/repositories/group/app/platforms')).json()).toEqual({ platforms_count: 2 });
  const missing = await ask('/repositories/none%2Fsuch/platforms');
  expect([missing.status, missing.json().detail]).toEqual([
    404,
    expect.stringContaining('/usage/repositories/none%2Fsuch/platforms'),
  ]);
});

test('exists before the first snapshot only if its path has no name', async () => {
  const early = createDescribedServer('before', { resources });
  expect((await ask('/platforms', undefined, early)).json()).toEqual({ timestamp: null, complete: false });
  expect((await ask('/platforms', 'text/csv', early)).body).toBe('name,tags_count\r\n');
  expect((await ask(APP, undefined, early)).status).toBe(503);
  await early.close();
});

test('is linked from the entry point', async () => {
  const { _links } = (await ask('/')).json();
  const query = '{?search,order_by,sort,page,per_page,snapshot,embed,links}';
  expect(_links.platforms).toEqual({ href: `/usage/repositories/{name}/platforms${query}`, templated: true });
  expect(_links.all_platforms).toEqual({ href: `/usage/platforms${query}`, templated: true });
});

test('answers OPTIONS, needs a token, and is counted under its route', async () => {
  const options = await server.inject({ method: 'OPTIONS', url: `/usage${APP}` });
  expect([options.statusCode, options.headers['allow']]).toEqual([200, 'GET, HEAD, OPTIONS']);
  expect((await server.inject({ url: '/usage/platforms' })).statusCode).toBe(401);
  await ask('/platforms');
  const { body } = await ask('/metrics');
  expect(body).toMatch(/http_requests_total\{route="\/platforms",method="GET",status="200"\} \d/);
});

test('is described by OpenAPI, as it is', async () => {
  const document = JSON.parse(JSON.stringify(openApiDocument(resources)));
  expect((await new Validator().validate(structuredClone(document))).errors ?? []).toEqual([]);
  const validate = validatorOf(document);
  for (const [path, url] of [
    [OF_REPOSITORY.path, `${APP}?embed=1&links=true&page=1`],
    [OF_REGISTRY.path, '/platforms?embed=1&links=true'],
  ] as const) {
    const [operation] = documented(document).filter((one) => one.path === path);
    const orders = operation?.parameters.find(({ name }) => name === 'order_by')?.schema['enum'];
    expect(orders).toEqual(['name', 'tags_count']);
    const { 'application/hal+json': hal, 'application/x-ndjson': lines } = operation?.responses[200]?.content ?? {};
    expect(validate(hal?.schema ?? {}, (await ask(url)).json())).toEqual([]);
    expect(validate(lines?.['x-line'] ?? {}, AMD64)).toEqual([]);
    expect(validate(lines?.['x-line'] ?? {}, { name: 1 })).not.toEqual([]);
  }
});
