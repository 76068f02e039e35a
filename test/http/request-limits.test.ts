import { afterEach, expect, test } from 'vitest';
import { normalizeUserName } from '../../src/domain/user-name.ts';
import type { HttpSettings } from '../../src/http/http-server.ts';
import { get, type RawResponse, talk } from '../support/raw-http.ts';
import { type ListeningServer, NO_LIMITS, startTestServer, type TestServerOptions } from '../support/server.ts';

/* Uses real sockets: 127.0.0.2 and so on are further addresses of this machine. */

let service: ListeningServer;

afterEach(() => service.close());

const start = async (
  limits: Partial<HttpSettings['limits']>,
  options: TestServerOptions & { http?: Partial<HttpSettings> } = {},
): Promise<void> => {
  service = await startTestServer({ ...options, http: { ...options.http, limits: { ...NO_LIMITS, ...limits } } });
};
const from = (address: string, text: string) => talk(service.port, text, address);
const statuses = (answers: readonly RawResponse[]) => answers.map(({ status }) => status);
async function times(count: number, ask: () => Promise<RawResponse>): Promise<RawResponse[]> {
  const answers: RawResponse[] = [];
  for (let i = 0; i < count; i++) answers.push(await ask());
  return answers;
}

test('limits the requests of an address, announces the limit from its middle on, and then tells when to retry', async () => {
  await start({ requestsPerAddress: 3 });
  const first = await from('127.0.0.1', get('/'));
  expect([first.status, first.headers['ratelimit'], first.headers['ratelimit-policy']]).toEqual([
    200,
    undefined,
    undefined,
  ]);
  const answers = await times(3, () => from('127.0.0.1', get('/')));
  expect(statuses(answers)).toEqual([200, 200, 429]);
  expect(answers.map(({ headers }) => headers['ratelimit'])).toEqual([
    '"address";r=1;t=40',
    '"address";r=0;t=60',
    '"address";r=0;t=60',
  ]);
  expect(new Set(answers.map(({ headers }) => headers['ratelimit-policy']))).toEqual(new Set(['"address";q=3;w=60']));
  const refused = answers[2];
  expect(refused?.headers).toMatchObject({ 'retry-after': '20', 'content-type': 'application/problem+json' });
  expect(JSON.parse(refused?.body ?? '')).toMatchObject({ status: 429, detail: expect.stringContaining('address') });
  expect((await from('127.0.0.2', get('/'))).status).toBe(200);
  service.steadyClock.now += 19_999;
  expect((await from('127.0.0.1', get('/'))).status).toBe(429);
  service.steadyClock.now += 1;
  expect((await from('127.0.0.1', get('/'))).status).toBe(200);
});

test('counts every request, with any outcome, and lets a page read the refusal', async () => {
  await start({ requestsPerAddress: 4 });
  const page = { Origin: 'https://page.example' };
  const asked = [
    get('/none'),
    get('/repositories', { Authorization: '' }),
    get('/', {}, 'DELETE'),
    get('/', page, 'OPTIONS'),
  ];
  const answers = [];
  for (const text of [...asked, get('/repositories', page)]) answers.push(await from('127.0.0.1', text));
  expect(statuses(answers)).toEqual([404, 401, 405, 200, 429]);
  expect(answers[4]?.headers).toMatchObject({
    'access-control-allow-origin': 'https://page.example',
    'access-control-expose-headers': expect.stringMatching(/RateLimit, RateLimit-Policy, Retry-After/),
    'x-content-type-options': 'nosniff',
  });
});

test('does not limit probes and notifications', async () => {
  await start({ requestsPerAddress: 1 });
  const [live, ready] = [get('/health/live'), get('/health/ready')];
  const body = JSON.stringify({ events: [] });
  const length = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
  const events = get('/events', { Authorization: 'the secret of the events', ...length }, 'POST') + body;
  for (const [text, status] of [
    [live, 200],
    [ready, 200],
    [events, 202],
  ] as const) {
    expect(new Set(statuses(await times(5, () => from('127.0.0.1', text))))).toEqual(new Set([status]));
  }
  expect(statuses(await times(2, () => from('127.0.0.1', get('/'))))).toEqual([200, 429]);
});

test('limits the requests of a user from all addresses, and does not count requests with invalid tokens', async () => {
  await start({ requestsPerAddress: 2, requestsPerUser: 2 });
  await times(2, () => from('127.0.0.3', get('/gaps', { Authorization: 'Bearer bad' })));
  await from('127.0.0.2', get('/'));
  const answers = [];
  for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.4']) answers.push(await from(address, get('/gaps')));
  expect(statuses(answers)).toEqual([200, 200, 429]);
  expect(answers[1]?.headers).toMatchObject({
    'ratelimit-policy': '"address";q=2;w=60, "user";q=2;w=60',
    ratelimit: '"address";r=0;t=60, "user";r=0;t=60',
  });
  expect(answers[2]?.headers['retry-after']).toBe('30');
  expect(JSON.parse(answers[2]?.body ?? '')).toMatchObject({ detail: expect.stringContaining('user') });
});

test('sends no headers without a limit', async () => {
  await start({});
  const answers = await times(20, () => from('127.0.0.1', get('/gaps')));
  expect(new Set(statuses(answers))).toEqual(new Set([200]));
  expect(answers[0]?.headers).not.toHaveProperty('ratelimit');
  expect(answers[0]?.headers).not.toHaveProperty('ratelimit-policy');
});

test('ignores X-Forwarded-For of a client that is not a proxy, and logs that once', async () => {
  await start({ requestsPerAddress: 2 });
  const forged = (i: number) => get('/', { 'X-Forwarded-For': `203.0.113.${i}` });
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await from('127.0.0.1', forged(i)));
  expect(statuses(answers)).toEqual([200, 200, 429, 429]);
  const logged = service.log.map(({ message, fields }) => ({ message, ...fields }) as { message: string; ip: string });
  expect(logged.filter(({ message }) => message === 'request').map(({ ip }) => ip)).toEqual(Array(4).fill('127.0.0.1'));
  expect(logged.filter(({ message }) => message === 'X-Forwarded-For ignored')).toHaveLength(1);
});

test('limits and logs each client behind a trusted proxy by its own address', async () => {
  await start({ requestsPerAddress: 2 }, { http: { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] } });
  const through = (client: string, address = '127.0.0.1') =>
    from(address, get('/', { 'X-Forwarded-For': client })).then(({ status }) => status);
  expect([await through('192.0.2.1'), await through('192.0.2.1'), await through('192.0.2.1')]).toEqual([200, 200, 429]);
  expect(await through('192.0.2.2')).toBe(200);
  // The proxy appends the address of its client, so what the client itself has sent is ignored.
  expect(await through('198.51.100.1, 192.0.2.1')).toBe(429);
  expect(await through('192.0.2.1, 10.1.1.1')).toBe(429);
  // A client that bypasses the proxy cannot pretend to be one.
  expect([await through('192.0.2.9', '127.0.0.2'), await through('192.0.2.9', '127.0.0.2')]).toEqual([200, 200]);
  expect(await through('192.0.2.8', '127.0.0.2')).toBe(429);
  // Without a valid address the proxy's address is used.
  expect([await through('unknown'), await through('x'.repeat(1000)), await through('_hidden')]).toEqual([
    200, 200, 429,
  ]);
  const ips = service.log
    .filter(({ message }) => message === 'request')
    .map(({ fields }) => (fields as { ip: string }).ip);
  expect(ips.slice(0, 4)).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']);
  expect(service.log.map(({ message }) => message)).not.toContain('X-Forwarded-For ignored');
});

test('counts all spellings of a name as one user', async () => {
  const principal = (name: string) => ({ name, key: normalizeUserName(name), visibility: 'all' });
  await start(
    { requestsPerUser: 3 },
    {
      tokens: {
        expiresInSeconds: 60,
        issue: async () => '',
        verify: async (token) => principal(token),
        recall: () => undefined,
      },
    },
  );
  const ask = (token: string) => from('127.0.0.1', get('/gaps', { Authorization: `Bearer ${token}` }));
  const answers = [await ask('alice'), await ask('ALICE'), await ask('Alice'), await ask('aLiCe'), await ask('bob')];
  expect(statuses(answers)).toEqual([200, 200, 200, 429, 200]);
});
