import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPEN_FRONT } from '../src/api/front.ts';
import { representOpenApi } from '../src/api/openapi.ts';
import { type Asked, createCheck, send } from './described-check.ts';
import { type Described, documented, type Parameter, validatorOf } from './described-operations.ts';
import {
  createDescribedServer,
  describedSnapshot,
  EVENTS_SECRET,
  PASSWORD,
  type Situation,
} from './described-server.ts';

/* Requests made from the OpenAPI document, right ones and wrong ones, for a server that really listens. Whatever it answers has to be described: the
 * status, the media type, every member of the body, every header that is said to be there. fast-check prints the seed of what fails. */
const PREFIX = '/usage';
const document = representOpenApi(PREFIX, '1.0.0');
const operations = documented(document);
const wrongs = createCheck(document);
const validate = validatorOf(document);
const snapshot = describedSnapshot();

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e3',
    'true',
    '..',
    '.',
    '/',
    '%',
    '%2F',
    '%00',
    '\u0000',
    '\ud800',
    'ä/ö',
    '__proto__',
    'a/tags',
    '😀',
  ),
  fc.string({ minLength: 600, maxLength: 700 }),
);
const encoded = odd.map((text) => encodeURIComponent(text.toWellFormed()));
/** As nobody should write it: broken escapes, and bytes that are no UTF-8. */
const broken = fc.constantFrom(
  '%',
  '%zz',
  '%ff%fe',
  'a%2',
  '%2F%2F',
  '+',
  'a;b',
  '%25252F',
  "'",
  '"<>"'.replaceAll('"', ''),
);
const names: Readonly<Record<string, readonly string[]>> = {
  repository: snapshot.repositories.map(({ name }) => name),
  tag: ['1.0', '1', 'latest', '2.0'],
  path: snapshot.namespaces.map(({ path }) => path),
  digest: [0, 1, 2, 3, 4].map((node) => snapshot.contents.graph.digests.at(node)),
};

function segment(name: string): fc.Arbitrary<string> {
  const known = fc.constantFrom(...(names[name] ?? [''])).map(encodeURIComponent);
  return fc.oneof({ weight: 6, arbitrary: known }, { weight: 1, arbitrary: encoded }, { weight: 1, arbitrary: broken });
}

/** Values that a schema lets pass. */
function valid({ name, schema }: Parameter): fc.Arbitrary<string> {
  const { enum: values, type, minimum = 0, maximum = 1 } = schema as Record<string, never>;
  if (values !== undefined) return fc.constantFrom(...(values as readonly string[]));
  if (type === 'integer') {
    return fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: minimum, max: maximum })).map(String);
  }
  if (name === 'embed' || name === 'links') return fc.constantFrom('1', '2', 'true', 'no', 'y', '0');
  if (name === 'snapshot') return fc.constant(snapshot.id);
  return fc.constantFrom('a', 'app', '*', 'group/*', '?', 'sha256');
}

const BASIC = Buffer.from(`alice:${PASSWORD}`).toString('base64');
const CREDENTIALS: Readonly<Record<string, string>> = {
  token: 'Bearer good',
  password: `Basic ${BASIC}`,
  eventsSecret: `Bearer ${EVENTS_SECRET}`,
  metricsToken: 'Bearer anything',
};

function credentialsOf({ security }: Described): readonly string[] {
  const named = security.flatMap((one) => Object.keys(one)).map((name) => CREDENTIALS[name] ?? '');
  return named.length === 0 ? [''] : named;
}

/** Characters that a header may hold, those that no header should included. */
const headerText = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map((text) => text.trim());
const usual: Readonly<Record<string, readonly string[]>> = {
  accept: [
    'application/hal+json',
    'application/x-ndjson',
    'text/csv',
    '*/*',
    'undefined',
    'text/csv;q=0.1, application/json',
    'text/html',
    'application/openmetrics-text',
  ],
  'accept-encoding': ['gzip', 'br', 'zstd', 'identity;q=0', '*;q=0', 'gzip;q=0.5, br'],
  'if-none-match': ['*', '"a", W/"b"', '"'],
  'x-request-id': ['mine', ''],
  origin: ['https://page.example', 'null'],
  'x-forwarded-for': ['10.0.0.1, unknown'],
  range: ['bytes=0-1'],
  expect: ['100-continue', 'nothing'],
  'x-http-method-override': ['DELETE'],
};
const headers = fc.record(
  Object.fromEntries(
    Object.entries(usual).map(([name, values]) => [name, fc.oneof(fc.constantFrom(...values), headerText)]),
  ),
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, string>>;

const bodies = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.record({
      body: fc.oneof(
        fc.json(),
        fc.string(),
        fc.constantFrom('{"events":[]}', '{"embed":1,"links":true}', '{"__proto__":{}}', '{'),
      ),
      type: fc.oneof(
        fc.constantFrom(
          'application/json',
          'application/vnd.docker.distribution.events.v1+json',
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data',
          '',
        ),
        headerText,
      ),
    }),
  },
);

interface Case extends Asked {
  readonly isPlain: boolean;
  readonly isQueryValid: boolean;
  readonly [fc.toStringMethod]: () => string;
}

function requestOf(operation: Described): fc.Arbitrary<Case> {
  const inPath = operation.parameters.filter((one) => one.in === 'path');
  const inQuery = operation.parameters.filter((one) => one.in === 'query');
  const query = fc.record(
    Object.fromEntries(
      inQuery.map((one) => [one.name, fc.oneof({ weight: 7, arbitrary: valid(one) }, { weight: 1, arbitrary: odd })]),
    ),
    { requiredKeys: [] },
  ) as fc.Arbitrary<Record<string, string>>;
  const authorization = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.constantFrom(...credentialsOf(operation)),
    },
    {
      weight: 1,
      arbitrary: fc.oneof(fc.constantFrom('', 'Bearer', 'Bearer old', 'Basic !', 'Basic YQ=='), headerText),
    },
  );
  const needsNone = operation.security.length === 0;
  const path = fc.record(Object.fromEntries(inPath.map(({ name }) => [name, segment(name)]))) as fc.Arbitrary<
    Record<string, string>
  >;
  const method = fc.oneof(
    { weight: 20, arbitrary: fc.constant(operation.method) },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND') },
  );
  return fc
    .record({
      path,
      query,
      headers,
      authorization: needsNone ? fc.constant('') : authorization,
      content: bodies,
      method,
    })
    .map((made) => toCase(operation, inQuery, made));
}

interface Made {
  readonly path: Record<string, string>;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly authorization: string;
  readonly content: { readonly body?: string; readonly type?: string };
  readonly method: string;
}

function toCase(operation: Described, inQuery: readonly Parameter[], made: Made): Case {
  const { path, query, authorization, content, method } = made;
  const target = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name] ?? '');
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, value.toWellFormed()] as [string, string]),
  );
  const isQueryValid = inQuery.every(({ name, schema }) => {
    const value = query[name];
    if (value === undefined) return true;
    const read = schema['type'] === 'integer' && /^\d+$/.test(value) ? Number(value) : value;
    // Lengths are counted in UTF-16 here, and in characters there.
    return validate(schema, read).length === 0 && (name !== 'search' || value.length <= 512);
  });
  return {
    operation,
    method,
    target: `${PREFIX}${target}${search.size > 0 ? `?${search}` : ''}`,
    headers: {
      ...made.headers,
      ...(authorization !== '' && { authorization }),
      ...(content.type !== undefined && { 'content-type': content.type }),
      ...(content.body !== undefined && { 'content-length': String(Buffer.byteLength(content.body)) }),
    },
    ...(content.body !== undefined && { body: content.body }),
    [fc.toStringMethod]: () => JSON.stringify({ id: operation.operationId, target: `${target}?${search}`, ...made }),
    isPlain: content.body === undefined && content.type === undefined,
    isQueryValid,
  };
}

/** More of them where somebody looks for something. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1500);
const requests = fc.constantFrom(...operations).chain(requestOf);

async function listening(server: FastifyInstance): Promise<number> {
  return Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port);
}

describe.each(['collected', 'before', 'collecting'] satisfies Situation[])('%s', (situation) => {
  let server: FastifyInstance;
  let port: number;

  beforeAll(async () => {
    server = createDescribedServer(situation);
    port = await listening(server);
  });

  afterAll(() => server.close());

  test('whatever is asked, the answer is described', async () => {
    const seen = new Set<number>();
    const asks = fc.asyncProperty(requests, async (asked) => {
      const answered = await send(port, asked);
      seen.add(answered.status);
      expect([answered.status, ...wrongs(asked, answered)], answered.body.toString().slice(0, 300)).toEqual([
        answered.status,
      ]);
      if (asked.isPlain && asked.isQueryValid) expect(answered.status).not.toBe(400);
      if (situation !== 'before' && !asked.isQueryValid && asked.method === 'GET')
        expect(answered.status).not.toBe(200);
    });
    await fc.assert(asks, { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 6 });
    expect([...seen]).toEqual(expect.arrayContaining([200, 400, 401]));
  });
});

describe('what is rare', () => {
  const operationOf = (id: string) => operations.find(({ operationId }) => operationId === id) as Described;

  async function ask(port: number, id: string, changes: Partial<Asked> = {}): Promise<number> {
    const operation = operationOf(id);
    const headers = { authorization: 'Bearer good', ...changes.headers };
    const asked = { operation, method: operation.method, target: PREFIX + operation.url, ...changes, headers };
    const answered = await send(port, asked);
    expect([answered.status, ...wrongs(asked, answered)]).toEqual([answered.status]);
    return answered.status;
  }

  test('is described, too', async () => {
    const server = createDescribedServer('resting');
    const port = await listening(server);
    const json = { 'content-type': 'application/json' };
    expect(await ask(port, 'getRepository', { target: `${PREFIX}/repositories/team/tags` })).toBe(300);
    expect(await ask(port, 'listBlobs', { headers: { 'if-none-match': '*' } })).toBe(304);
    expect(await ask(port, 'getTag', { headers: json, body: '{' })).toBe(400);
    expect(await ask(port, 'getTag', { headers: { host: 'a b' } })).toBe(400);
    expect(await ask(port, 'getTag', { target: `${PREFIX}/tags?snapshot=former` })).toBe(410);
    expect(await ask(port, 'startCollection', { headers: json, body: ' '.repeat(1024 * 1024 + 1) })).toBe(413);
    expect(await ask(port, 'notify', { headers: { 'content-type': 'text/plain' }, body: '' })).toBe(401);
    expect(await ask(port, 'startCollection')).toBe(429);
    expect(await ask(port, 'getTag', { headers: { 'x-long': 'x'.repeat(20_000) } })).toBe(431);
    await server.close();
  });

  test('whoever asks too often, or for another host, is told so as it is described', async () => {
    const limits = { ...OPEN_FRONT.limits, requestsPerAddress: 60, requestsPerUser: 30 };
    const front = { ...OPEN_FRONT, limits, allowedHosts: ['127.0.0.1'] };
    const server = createDescribedServer('collected', { front });
    const port = await listening(server);
    const seen = new Map<number, number>();
    for (let round = 0; round < 5; round++) {
      for (const { operationId } of operations) {
        const host = operationId === 'listGaps' ? 'other.example' : '127.0.0.1';
        const status = await ask(port, operationId, { headers: { host } });
        seen.set(status, (seen.get(status) ?? 0) + 1);
      }
    }
    await server.close();
    expect(seen.get(421)).toBe(5);
    expect(seen.get(200)).toBeGreaterThan(30);
    expect(seen.get(429)).toBeGreaterThan(20);
  });
});
