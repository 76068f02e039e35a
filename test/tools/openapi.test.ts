import { Validator } from '@seriousme/openapi-schema-validator';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RESOURCES } from '../../src/api/collections/resources.ts';
import { DOCS_PATHS } from '../../src/api/docs/docs-page.ts';
import { openApiDocument } from '../../src/api/openapi-endpoint.ts';
import { ENDPOINTS } from '../../src/api/route-table.ts';
import { EXAMPLES, type Example } from '../../tools/openapi/examples.ts';
import { type Described, documented, validatorOf } from '../support/described-operations.ts';
import { createDescribedServer, type Situation } from '../support/described-server.ts';

const PREFIX = '/usage';
const document = openApiDocument(PREFIX, '1.0.0');
const operations = documented(document);
let server: FastifyInstance;

beforeAll(() => {
  server = createDescribedServer('collected');
});

afterAll(() => server.close());

test('the document is OpenAPI 3.1, by the schema of OpenAPI', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

test('a linter of OpenAPI has nothing to say against it', async () => {
  const { createConfig, lintFromString } = await import('@redocly/openapi-core');
  const config = await createConfig({
    extends: ['recommended-strict'],
  });
  const found = await lintFromString({ source: JSON.stringify(document), config });
  const said = found.map(({ ruleId, message, location: [at] = [] }) => `${ruleId} ${at?.pointer}: ${message}`);
  // What lines are is told by an extension, where it does not look.
  const others = said.filter((one) => !/^no-unused-components \S+\/(?:Namespace|Repository)Line: /.test(one));
  expect(others).toEqual([]);
});

test('it is answered without a token, with a validator, below the prefix that it names', async () => {
  const answer = await server.inject({ url: `${PREFIX}/openapi.json` });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json']);
  expect(answer.json()).toEqual(JSON.parse(JSON.stringify(document)));
  expect(answer.json().servers).toEqual([{ url: '.' }]);
  const known = { 'if-none-match': String(answer.headers['etag']) };
  expect((await server.inject({ url: `${PREFIX}/openapi.json`, headers: known })).statusCode).toBe(304);
  const head = await server.inject({ method: 'HEAD', url: `${PREFIX}/openapi.json` });
  expect([head.statusCode, head.body, head.headers['etag']]).toEqual([200, '', answer.headers['etag']]);
  const encoded = await server.inject({ url: `${PREFIX}/openapi.json`, headers: { 'accept-encoding': 'gzip' } });
  expect(encoded.headers['content-encoding']).toBe('gzip');
  const put = await server.inject({ method: 'PUT', url: `${PREFIX}/openapi.json` });
  expect([put.statusCode, put.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS']);
  const preflight = { origin: 'https://page.example', 'access-control-request-method': 'GET' };
  const options = await server.inject({ method: 'OPTIONS', url: `${PREFIX}/openapi.json`, headers: preflight });
  expect([options.statusCode, options.headers['access-control-allow-origin']]).toEqual([200, '*']);
});

describe('paths', () => {
  test('what is served is described', () => {
    const served = new Map([
      ...[...ENDPOINTS].map(([path, { methods }]) => [path, methods] as const),
      ...RESOURCES.map(({ path }) => [path, ['GET']] as const),
      ...['/docs', '/docs/{file}'].map((path) => [path, ['GET']] as const),
    ]);
    const described = Map.groupBy(operations, ({ path }) => path);
    expect([...described.keys()].sort()).toEqual([...served.keys()].sort());
    for (const [path, own] of described) expect(own.map(({ method }) => method).sort(), path).toEqual(served.get(path));
  });

  test('so are the page for people and its files', async () => {
    const file = operations.find(({ path }) => path === '/docs/{file}') as Described;
    for (const path of DOCS_PATHS) {
      const { statusCode, headers } = await server.inject({ url: PREFIX + path });
      const [type = ''] = String(headers['content-type']).split(';');
      expect([statusCode, Object.keys(file.responses[200]?.content ?? {})], path).toEqual([
        200,
        expect.arrayContaining([type]),
      ]);
    }
  });

  test('what is described is served, by the methods that are described', async () => {
    for (const { path, url } of operations) {
      const { statusCode, headers } = await server.inject({ method: 'OPTIONS', url: PREFIX + url });
      const methods = operations.filter((one) => one.path === path).map(({ method }) => method);
      const allowed = String(headers['allow']).split(', ');
      expect([statusCode, allowed.filter((one) => !['HEAD', 'OPTIONS'].includes(one)).sort()], path).toEqual([
        200,
        methods.sort(),
      ]);
    }
  });

  test('what the entry point links to is described', async () => {
    const { _links } = (await server.inject({ url: `${PREFIX}/` })).json();
    const described = new Set(operations.map(({ path }) => path.replaceAll(/\{\w+\}/g, '{}')));
    const hrefs = Object.values(_links as Record<string, { href: string }>).map(({ href }) => href);
    for (const href of hrefs) {
      const path = href.slice(PREFIX.length).replace(/\{\?.*\}$/, '');
      expect(described, href).toContain(path.replaceAll(/\{\w+\}/g, '{}'));
    }
  });
});

test('every collection has the orders that are described, in that order', async () => {
  const listings = operations.filter(({ parameters }) => parameters.some(({ name }) => name === 'order_by'));
  expect(listings).toHaveLength(RESOURCES.filter(({ kind }) => kind === 'collection').length);
  for (const { url, parameters } of listings) {
    const answer = await ask(server, { method: 'GET', path: `${url}?order_by=none` });
    const names = parameters.find(({ name }) => name === 'order_by')?.schema['enum'] as readonly string[];
    expect(answer.json().detail, url).toMatch(new RegExp(`^order_by .* ${names.join(', ')}$`));
  }
});

describe('examples', () => {
  const validate = validatorOf(document);

  test('every operation that answers with a body has one', () => {
    const known = new Set(EXAMPLES.map(({ operationId }) => operationId));
    const bare = operations.filter(({ operationId }) => !known.has(operationId));
    expect(bare.map(({ operationId }) => operationId)).toEqual(['getOpenApi', 'getDocs', 'getDocsFile', 'getMetrics']);
  });

  test.each(EXAMPLES.map((example) => [`${example.operationId}: ${example.name}`, example] as const))(
    '%s is what is answered',
    async (_, example) => {
      const { operationId, status, mediaType, when = 'collected', value } = example;
      const operation = operations.find((one) => one.operationId === operationId) as Described;
      const service = createDescribedServer(when satisfies Situation);
      if (when === 'busy') await ask(service, example);
      const answer = await ask(service, example);
      await service.close();
      expect([answer.statusCode, bare(answer.headers['content-type'])]).toEqual([status, mediaType]);
      const isJson = /[/+]json$/.test(mediaType);
      const body = isJson ? answer.json() : answer.body;
      expect(body).toEqual(filledIn(value));
      const content = operation.responses[status]?.content?.[mediaType];
      expect(Object.values(content?.examples ?? {}).map((one) => one.value)).toContainEqual(body);
      expect(validate(content?.schema ?? {}, body)).toEqual([]);
    },
  );

  test('names in parameters are of the same registry', async () => {
    const below = operations.filter(({ url, method }) => method === 'GET' && url.includes('%'));
    expect(below).toHaveLength(5);
    for (const { url } of below) expect((await ask(server, { method: 'GET', path: url })).statusCode, url).toBe(200);
  });
});

function ask(service: FastifyInstance, example: Pick<Example, 'method' | 'path'> & Partial<Example>) {
  const { method, path, headers = {}, token, body } = example;
  return service.inject({
    method,
    url: PREFIX + path,
    headers: { ...(token !== false && { authorization: 'Bearer good' }), 'x-request-id': 'example', ...lower(headers) },
    ...(body !== undefined && { payload: body }),
  });
}

/** Fills in the prefix and the version, as the service does. */
function filledIn(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('{prefix}', PREFIX).replaceAll('{version}', '1.0.0'));
}

function lower(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function bare(mediaType: unknown): string {
  return String(mediaType).split(';')[0] ?? '';
}
