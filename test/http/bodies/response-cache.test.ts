import fc from 'fast-check';
import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { VerifiedPrincipal } from '../../../src/ports.ts';
import { get, type RawResponse, talk } from '../../support/raw-http.ts';
import { crawlOf, image } from '../../support/sample-registry-content.ts';
import { type ListeningServer, NO_LIMITS, PREFIX, startTestServer, TOKEN } from '../../support/server.ts';

/* The response cache in front of the router. Its twin is the router alone, which the test calls through Fastify's `inject`. */

const TAGS_COUNT = 30;
const HOST = 'registry.example';

let latest = crawlOf(Array(TAGS_COUNT).fill(image('a'))).snapshot;
const revoked = new Set<string>();
let service: ListeningServer;

/** Each token that begins with TOKEN is valid, and a principal of its own. A part behind `+` is its visibility. */
function principalOf(token: string): VerifiedPrincipal | undefined {
  const [, visibility = 'all'] = token.split('+');
  return token.startsWith(TOKEN) && !revoked.has(token) ? { name: token, key: token, visibility } : undefined;
}

beforeAll(async () => {
  service = await startTestServer({
    snapshots: { latest: () => latest },
    clock: () => 1_000_000, // some responses contain the age of a snapshot
    tokens: {
      expiresInSeconds: 60,
      issue: async () => TOKEN,
      recall: principalOf,
      verify: async (token) => principalOf(token),
    },
    http: { allowedHosts: [HOST], limits: { ...NO_LIMITS, requestsPerUser: 8 } },
  });
});
afterAll(() => service.close());

beforeEach(() => {
  service.routed.length = 0;
  service.steadyClock.now += 60_000; // the limits are whole again
});

type Headers = Readonly<Record<string, string>>;

const ask = (path: string, headers: Headers = {}): Promise<RawResponse> =>
  talk(service.port, get(path, { Host: HOST, ...headers }));

/** Headers that concern the connection, or differ between equal responses. */
const OF_CONNECTIONS = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'x-request-id'];

/** Returns what equal requests must have in common. */
function comparable({ status, headers, body }: { status: number; headers: object; body: string }) {
  const id = String((headers as Record<string, unknown>)['x-request-id']);
  const others = Object.entries(headers).filter(([name]) => !OF_CONNECTIONS.includes(name));
  return {
    status,
    body: body.replaceAll(id, 'ID'),
    headers: Object.fromEntries(others.map(([name, value]) => [name, String(value)])),
  };
}

async function askTwin(path: string, headers: Headers) {
  const response = await service.server.inject({
    url: PREFIX + path,
    headers: {
      host: HOST,
      authorization: `Bearer ${TOKEN}`,
      connection: 'close',
      'x-twin': 'an unusual header, so that the response is not cached',
      ...headers,
    },
  });
  return comparable({ status: response.statusCode, headers: response.headers, body: response.body });
}

async function askOverSocket(path: string, headers: Headers) {
  const url = `http://127.0.0.1:${service.port}${PREFIX}${path}`;
  const response = await request(url, { headers: { Host: HOST, Connection: 'close', ...headers } });
  return comparable({ status: response.statusCode, headers: response.headers, body: await response.body.text() });
}

const REPOSITORY = `/repositories/${encodeURIComponent('group/app')}`;
const PATHS = [
  REPOSITORY,
  `${REPOSITORY}?embed=true&links=true`,
  '/repositories',
  '/repositories?embed=2',
  '/tags?page=2&per_page=7&order_by=disk_size',
  '/tags?page=1&per_page=30&embed=1&links=true',
  '/tags?page=99&per_page=7',
  '/tags?search=1&order_by=name&sort=desc',
  '/tags?order_by=nothing',
  '/tags?snapshot=gone&page=1',
  '/namespaces/group',
  '/blobs?page=1&per_page=3',
  '/gaps',
  '/gaps?x=%zz',
  '/nothing',
  '/collection',
  '/health/ready',
  '/',
  '/openapi.json?x',
];
/** Most requests have usual headers, so that many of them are equal. */
const usual = (...values: string[]) => fc.constantFrom(undefined, ...values);
const rare = (...values: string[]) => fc.constantFrom(...Array<undefined>(30).fill(undefined), ...values);
const HEADERS: fc.Arbitrary<Headers> = fc
  .record({
    accept: usual('*/*', 'application/json', 'text/csv', 'application/x-ndjson'),
    'accept-encoding': usual('gzip', 'identity', 'br, gzip;q=0.5', ''),
    'if-none-match': rare('*', '"other"', 'W/"other", *'),
    host: rare('elsewhere.example', 'no host'),
    origin: rare('https://page.example', 'https://elsewhere.example'),
    authorization: rare('', `bearer  ${TOKEN}`, `Bearer ${TOKEN}x`, 'Bearer other', 'Basic x'),
    'x-request-id': rare('mine'),
    'x-forwarded-for': rare('192.0.2.1'),
    'user-agent': rare('curl/8'),
  })
  .map((headers) =>
    Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  );

test('responds to any request as the router alone does, however often it is repeated', async () => {
  let cachedCount = 0;
  const question = fc.tuple(fc.constantFrom(...PATHS), HEADERS);
  await fc.assert(
    fc.asyncProperty(fc.array(question, { minLength: 20, maxLength: 40 }), async (questions) => {
      for (const [path, headers] of questions) {
        service.steadyClock.now += 60_000;
        const all = { authorization: `Bearer ${TOKEN}`, ...headers };
        const expected = await askTwin(path, all);
        const capitals = Object.fromEntries(Object.entries(all).map(([name, value]) => [capitalized(name), value]));
        const before = service.routed.length;
        for (let time = 0; time < 2; time++) expect(await askOverSocket(path, capitals)).toEqual(expected);
        if (expected.headers['etag'] !== undefined && service.routed.length < before + 2) cachedCount++;
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
  expect(cachedCount, 'requests that the cache has served').toBeGreaterThan(100);
});

function capitalized(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (first) => first.toUpperCase());
}

test('passes requests with unusual headers to the router each time', async () => {
  await ask('/gaps?usual');
  const unusual = [{ Origin: 'https://page.example' }, { 'X-Forwarded-For': '192.0.2.1' }, { 'X-Request-Id': 'mine' }];
  for (const headers of unusual) {
    service.routed.length = 0;
    for (let time = 0; time < 2; time++) await ask('/gaps?usual', headers);
    expect(service.routed, JSON.stringify(headers)).toHaveLength(2);
  }
});

test('does not cache a response with headers about a limit', async () => {
  for (const path of ['/gaps', '/repositories', '/namespaces', '/tags']) await ask(path);
  expect((await ask('/gaps?limited')).headers['ratelimit']).toBeDefined();
  service.steadyClock.now += 60_000;
  for (let time = 0; time < 2; time++) expect((await ask('/gaps?limited')).headers['ratelimit']).toBeUndefined();
});

test('serves a repeated request from the cache, with a new request id each time', async () => {
  const responses = [await ask('/gaps?anew'), await ask('/gaps?anew'), await ask('/gaps?anew')];
  expect(service.routed).toHaveLength(1);
  expect(new Set(responses.map(({ headers }) => headers['x-request-id'])).size).toBe(3);
  expect(new Set(responses.map(({ body }) => body)).size).toBe(1);
});

test('responds 304 from the cache if the client has the body', async () => {
  const { headers } = await ask('/namespaces?anew');
  const known = { 'If-None-Match': String(headers['etag']) };
  const responses = [
    await ask('/namespaces?anew', known),
    await ask('/namespaces?anew', known),
    await ask('/namespaces?anew'),
  ];
  expect(responses.map(({ status }) => status)).toEqual([304, 304, 200]);
  expect(service.routed).toHaveLength(2);
});

test('never sends a cached body or 304 to a principal with another visibility', async () => {
  const [alice, bob] = ['alice', 'bob'].map((visibility) => ({ Authorization: `Bearer ${TOKEN}+${visibility}` }));
  const paths = ['/tags?x', '/tags?embed=1&x', '/tags?page=1&per_page=5&x', '/tags?search=1&x', REPOSITORY];
  for (const path of paths) {
    for (const accept of ['*/*', 'text/csv']) {
      service.steadyClock.now += 60_000;
      const ofAlice = await ask(path, { ...alice, Accept: accept });
      await ask(path, { ...alice, Accept: accept });
      service.routed.length = 0;
      const ofBob = await ask(path, { ...bob, Accept: accept });
      const known = { 'If-None-Match': String(ofAlice.headers['etag']) };
      const conditional = [
        await ask(path, { ...bob, ...known, Accept: accept }),
        await ask(path, { ...alice, ...known, Accept: accept }),
      ];
      expect([ofAlice.status, ofBob.status], path).toEqual([200, 200]);
      expect(ofBob.headers['etag'], path).not.toBe(ofAlice.headers['etag']);
      expect(
        conditional.map(({ status }) => status),
        path,
      ).toEqual([200, 304]);
      expect(service.routed.length, path).toBeGreaterThanOrEqual(1); // bob's first request is not served from alice's entry
    }
  }
});

test('serves principals with the same visibility from one entry', async () => {
  await ask('/gaps?shared', { Authorization: `Bearer ${TOKEN}1+team` });
  await ask('/gaps?shared', { Authorization: `Bearer ${TOKEN}2+team` });
  expect(service.routed).toHaveLength(1);
});

test('forgets its responses when there is another snapshot', async () => {
  const [before, same] = [await ask('/repositories?embed=1'), await ask('/repositories?embed=1')];
  expect(same.body).toBe(before.body);
  latest = crawlOf(Array(TAGS_COUNT + 1).fill(image('a')), 1000).snapshot;
  const after = await ask('/repositories?embed=1');
  expect(JSON.parse(after.body).snapshot).toBe(latest.id);
  expect(after.headers['etag']).not.toBe(before.headers['etag']);
});

test('a page from the cache keeps its snapshot available for the next page', async () => {
  const path = '/tags?page=1&per_page=5&links=true';
  await ask(path);
  service.steadyClock.now += 14 * 60_000;
  const again = await ask(path);
  const first = JSON.parse(again.body);
  expect(again.status, again.body).toBe(200);
  expect(service.routed, 'the second request was served from the cache').toHaveLength(1);
  service.steadyClock.now += 14 * 60_000;
  latest = crawlOf(Array(TAGS_COUNT).fill(image('b')), 2000).snapshot;
  const next = await ask(String(first._links.next.href).slice(PREFIX.length));
  expect(next.status).toBe(200);
  expect(JSON.parse(next.body).snapshot).toBe(first.snapshot);
});

test('refuses a token that was revoked after its first request', async () => {
  const headers = { Authorization: `Bearer ${TOKEN} ` };
  expect((await ask('/gaps', headers)).status).toBe(200);
  expect((await ask('/gaps', headers)).status).toBe(200);
  revoked.add(TOKEN);
  const refused = await ask('/gaps', headers);
  revoked.clear();
  expect(refused.status).toBe(401);
});

test('counts each request once against the limits, whether the cache or the router serves it', async () => {
  const own = { Authorization: `Bearer ${TOKEN}-limited` };
  const responses: RawResponse[] = [];
  for (let i = 0; i < 10; i++) responses.push(await ask('/gaps', own));
  expect(responses.map(({ status }) => status)).toEqual([...Array(8).fill(200), 429, 429]);
  const remaining = responses.map(({ headers }) => /r=(\d+)/.exec(headers['ratelimit'] ?? '')?.[1]);
  expect(remaining.slice(0, 8)).toEqual([undefined, undefined, undefined, undefined, '3', '2', '1', '0']);
});

test('writes cached responses to the log and to the metrics', async () => {
  const count = async (): Promise<number> => {
    const text = (await ask('/metrics', { Authorization: '' })).body;
    return Number(/http_requests_total\{route="\/gaps",method="GET",status="200"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const before = await count();
  const lines = () => service.log.filter(({ fields }) => fields['route'] === '/gaps');
  const linesBefore = lines().length;
  for (let i = 0; i < 3; i++) await ask('/gaps', { 'User-Agent': 'curl/8' });
  expect(await count()).toBe(before + 3);
  expect(service.routed.filter((url) => url.endsWith('/gaps')).length).toBeLessThan(2);
  expect(lines().slice(linesBefore)).toHaveLength(3);
  const [first, second, third] = lines()
    .slice(linesBefore)
    .map(({ fields }) => ({ ...fields, id: 0 }));
  expect(first).toMatchObject({
    user: TOKEN,
    ip: '127.0.0.1',
    status: 200,
    agent: 'curl/8',
    bytes: expect.any(Number),
  });
  expect([second, third]).toEqual([first, first]);
});

test('keeps the order of pipelined requests, of which the cache serves some', async () => {
  await ask('/gaps');
  const paths = ['/gaps', '/nothing', '/gaps', '/repositories', '/gaps'];
  const requests = paths.map((path) => get(path, { Host: HOST, Connection: 'keep-alive' }));
  const { text } = await talk(service.port, requests.join('') + get('/gaps', { Host: HOST }));
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  expect(statuses).toEqual(['200', '404', '200', '200', '200', '200']);
});

test('refuses two Authorization headers, even if each token is valid', async () => {
  await ask('/gaps');
  const twice = get('/gaps', { Host: HOST }).replace('Connection:', `Authorization: Bearer ${TOKEN}\r\nConnection:`);
  expect((await talk(service.port, twice)).status).toBe(400);
});
