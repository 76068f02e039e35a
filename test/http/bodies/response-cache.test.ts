import fc from 'fast-check';
import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { crawlOf, image } from '../../support/sample-registry-content.ts';
import { type Answer, type FrontServer, get, PREFIX, startFront, TOKEN, talk } from '../../support/socket-server.ts';

/* What is answered again before it is routed. The twin is the same server, asked through Fastify alone. */

const TAGS_COUNT = 30;
const HOST = 'registry.example';

let latest = crawlOf(Array(TAGS_COUNT).fill(image('a'))).snapshot;
/** The tokens that were looked into: whatever is answered again asks for none. */
let verified: string[] = [];
const ended = new Set<string>();
let front: FrontServer;

const userOf = (token: string): { user: string } | undefined =>
  token.startsWith(TOKEN) && !ended.has(token) ? { user: token } : undefined;

beforeAll(async () => {
  front = await startFront(
    {
      allowedHosts: [HOST],
      limits: { connections: 0, connectionsPerAddress: 0, requestsPerAddress: 0, requestsPerUser: 8, failedSignIns: 0 },
    },
    {
      snapshots: { latest: () => latest },
      clock: () => 1_000_000, // some answers tell how old a snapshot is
      metrics: { isEnabled: true, token: undefined, namespacesLimit: 0, repositoriesLimit: 0 },
      tokens: {
        expiresInSeconds: 60,
        issue: async () => TOKEN,
        recall: userOf,
        verify: async (token) => {
          verified.push(token);
          return userOf(token);
        },
      },
    },
  );
});
afterAll(() => front.close());

beforeEach(() => {
  verified = [];
  front.clock.now += 60_000; // the limits are whole again
});

type Headers = Readonly<Record<string, string>>;

const ask = (path: string, headers: Headers = {}): Promise<Answer> =>
  talk(front.port, get(path, { Host: HOST, ...headers }));

/** What a connection says for itself: how the body goes over it is for whoever reads it to find out. */
const OF_CONNECTIONS = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'x-request-id'];

/** With what stays the same whenever it is asked for. */
function lasting({ status, headers, body }: { status: number; headers: object; body: string }) {
  const id = String((headers as Record<string, unknown>)['x-request-id']);
  const others = Object.entries(headers).filter(([name]) => !OF_CONNECTIONS.includes(name));
  return {
    status,
    body: body.replaceAll(id, 'ID'),
    headers: Object.fromEntries(others.map(([name, value]) => [name, String(value)])),
  };
}

async function askTwin(path: string, headers: Headers) {
  const answer = await front.server.inject({
    url: PREFIX + path,
    headers: {
      host: HOST,
      authorization: `Bearer ${TOKEN}`,
      connection: 'close',
      'x-twin': 'not plain, so not kept',
      ...headers,
    },
  });
  return lasting({ status: answer.statusCode, headers: answer.headers, body: answer.body });
}

async function askOverSocket(path: string, headers: Headers) {
  const url = `http://127.0.0.1:${front.port}${PREFIX}${path}`;
  const answer = await request(url, { headers: { Host: HOST, Connection: 'close', ...headers } });
  return lasting({ status: answer.statusCode, headers: answer.headers, body: await answer.body.text() });
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
/** Most requests are usual ones, so that many ask in the same words. */
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

test('whatever is asked is answered as Fastify alone answers it, however often', async () => {
  let again = 0;
  const question = fc.tuple(fc.constantFrom(...PATHS), HEADERS);
  await fc.assert(
    fc.asyncProperty(fc.array(question, { minLength: 20, maxLength: 40 }), async (questions) => {
      for (const [path, headers] of questions) {
        front.clock.now += 60_000;
        const all = { authorization: `Bearer ${TOKEN}`, ...headers };
        const wanted = await askTwin(path, all);
        const spelt = Object.fromEntries(Object.entries(all).map(([name, value]) => [capitalized(name), value]));
        const before = verified.length;
        for (let time = 0; time < 2; time++) expect(await askOverSocket(path, spelt)).toEqual(wanted);
        if (wanted.headers['etag'] !== undefined && verified.length < before + 2) again++;
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
  expect(again, 'many were answered again').toBeGreaterThan(100);
});

test('what is unusual is looked into each time', async () => {
  await ask('/gaps?usual');
  const unusual = [{ Origin: 'https://page.example' }, { 'X-Forwarded-For': '192.0.2.1' }, { 'X-Request-Id': 'mine' }];
  for (const headers of unusual) {
    verified = [];
    for (let time = 0; time < 2; time++) await ask('/gaps?usual', headers);
    expect(verified, JSON.stringify(headers)).toHaveLength(2);
  }
});

test('what was said of a limit is said to nobody else', async () => {
  for (const path of ['/gaps', '/repositories', '/namespaces', '/tags']) await ask(path);
  expect((await ask('/gaps?limited')).headers['ratelimit']).toBeDefined();
  front.clock.now += 60_000;
  for (let time = 0; time < 2; time++) expect((await ask('/gaps?limited')).headers['ratelimit']).toBeUndefined();
});

function capitalized(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (first) => first.toUpperCase());
}

test('what was asked before is not looked into again, and has an id of its own each time', async () => {
  const answers = [await ask('/gaps?anew'), await ask('/gaps?anew'), await ask('/gaps?anew')];
  expect(verified).toHaveLength(1);
  expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(3);
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
});

test('who has it already is told so again', async () => {
  const { headers } = await ask('/namespaces?anew');
  const known = { 'If-None-Match': String(headers['etag']) };
  const answers = [
    await ask('/namespaces?anew', known),
    await ask('/namespaces?anew', known),
    await ask('/namespaces?anew'),
  ];
  expect(answers.map(({ status }) => status)).toEqual([304, 304, 200]);
  expect(verified).toHaveLength(2);
});

test('another snapshot is another answer', async () => {
  const [before, same] = [await ask('/repositories?embed=1'), await ask('/repositories?embed=1')];
  expect(same.body).toBe(before.body);
  latest = crawlOf(Array(TAGS_COUNT + 1).fill(image('a')), 1000).snapshot;
  const after = await ask('/repositories?embed=1');
  expect(JSON.parse(after.body).snapshot).toBe(latest.id);
  expect(after.headers['etag']).not.toBe(before.headers['etag']);
});

test('a page that is shown again is held again: the next one can be asked for when there is another snapshot', async () => {
  const path = '/tags?page=1&per_page=5&links=true';
  await ask(path);
  front.clock.now += 14 * 60_000;
  const again = await ask(path);
  const first = JSON.parse(again.body);
  expect(again.status, again.body).toBe(200);
  expect(verified, 'it was answered again').toHaveLength(1);
  front.clock.now += 14 * 60_000;
  latest = crawlOf(Array(TAGS_COUNT).fill(image('b')), 2000).snapshot;
  const next = await ask(String(first._links.next.href).slice(PREFIX.length));
  expect(next.status).toBe(200);
  expect(JSON.parse(next.body).snapshot).toBe(first.snapshot);
});

test('a token that has ended is refused where it was let in before', async () => {
  const headers = { Authorization: `Bearer ${TOKEN} ` };
  expect((await ask('/gaps', headers)).status).toBe(200);
  expect((await ask('/gaps', headers)).status).toBe(200);
  ended.add(TOKEN);
  const refused = await ask('/gaps', headers);
  ended.clear();
  expect(refused.status).toBe(401);
});

test('what is answered again counts for the limits, and is told of when they are near', async () => {
  const own = { Authorization: `Bearer ${TOKEN}-limited` };
  const answers: Answer[] = [];
  for (let i = 0; i < 10; i++) answers.push(await ask('/gaps', own));
  expect(answers.map(({ status }) => status)).toEqual([...Array(8).fill(200), 429, 429]);
  const remaining = answers.map(({ headers }) => /r=(\d+)/.exec(headers['ratelimit'] ?? '')?.[1]);
  expect(remaining.slice(0, 8)).toEqual([undefined, undefined, undefined, undefined, '3', '2', '1', '0']);
});

test('it counts in the log and in the metrics as well', async () => {
  const count = async (): Promise<number> => {
    const text = (await ask('/metrics', { Authorization: '' })).body;
    return Number(/http_requests_total\{route="\/gaps",method="GET",status="200"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const before = await count();
  const lines = () => front.log.filter(({ fields }) => (fields as { route?: string }).route === '/gaps');
  const linesBefore = lines().length;
  for (let i = 0; i < 3; i++) await ask('/gaps', { 'User-Agent': 'curl/8' });
  expect(await count()).toBe(before + 3);
  expect(verified.length).toBeLessThan(2);
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

test('answers come in the order of the questions, whichever way each takes', async () => {
  await ask('/gaps');
  const paths = ['/gaps', '/nothing', '/gaps', '/repositories', '/gaps'];
  const requests = paths.map((path) => get(path, { Host: HOST, Connection: 'keep-alive' }));
  const { text } = await talk(front.port, requests.join('') + get('/gaps', { Host: HOST }));
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  expect(statuses).toEqual(['200', '404', '200', '200', '200', '200']);
});

test('two tokens are refused, though each would be let in', async () => {
  await ask('/gaps');
  const twice = get('/gaps', { Host: HOST }).replace('Connection:', `Authorization: Bearer ${TOKEN}\r\nConnection:`);
  expect((await talk(front.port, twice)).status).toBe(400);
});
