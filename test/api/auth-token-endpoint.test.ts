import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BusyError } from '../../src/auth/password-checker.ts';
import type { Principal } from '../../src/ports.ts';
import { basic, get, type RawResponse, talk } from '../support/raw-http.ts';
import { ALICE, createTestServer, type ListeningServer, PASSWORD, startTestServer, TOKEN } from '../support/server.ts';

const { server } = createTestServer({
  directory: {
    async authenticate(user, password) {
      if (user === 'crowd') throw new BusyError();
      if (user === 'outage') throw new Error('no directory server can tell');
      return user === 'alice' && password === 'alice-secret' ? { name: user, groups: ['10000'] } : undefined;
    },
  },
  tokens: {
    expiresInSeconds: 3600,
    issue: async (user) => `token of ${user}`,
    verify: async () => undefined,
    recall: () => undefined,
  },
});

beforeAll(async () => {
  await server.ready();
});

afterAll(() => server.close());

const authorization = (user: string, password: string) => ({ authorization: basic(user, password) });

const alice = authorization('alice', 'alice-secret');

function ask(
  method: 'GET' | 'POST' | 'HEAD' | 'OPTIONS' | 'PUT' | 'DELETE',
  headers: object = alice,
  payload?: string,
) {
  return server.inject({
    method,
    url: '/usage/auth_token',
    headers: { origin: 'https://page.example', ...headers },
    ...(payload !== undefined && { payload }),
  });
}

test.for(['GET', 'POST'] as const)(
  '%s returns a token and its lifetime, and caches must not store it',
  async (method) => {
    const { statusCode, headers, body } = await ask(method);
    expect([statusCode, JSON.parse(body)]).toEqual([200, { auth_token: 'token of alice', expires_in: 3600 }]);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['access-control-allow-origin']).toBe('https://page.example');
  },
);

test.for(['GET', 'POST'] as const)(
  '%s returns 401 for wrong credentials, and caches must not store it',
  async (method) => {
    for (const credentials of [
      authorization('alice', 'wrong'),
      authorization('nobody', 'x'),
      authorization('alice', ''),
      {},
    ]) {
      const { statusCode, headers } = await ask(method, credentials);
      expect(statusCode).toBe(401);
      expect(headers['www-authenticate']).toBe('Basic realm="gitlab-registry-usage-rest", charset="UTF-8"');
      expect(headers['cache-control']).toBe('no-store');
    }
  },
);

test('ignores a name and a password in the body and in the query', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const json = { 'content-type': 'application/json' };
  const bodies = [
    [form, 'username=alice&password=alice-secret&grant_type=password'],
    [json, '{"username":"alice","password":"alice-secret"}'],
  ] as const;
  for (const [type, body] of bodies) {
    expect((await ask('POST', type, body)).statusCode).toBe(401);
    expect((await ask('POST', { ...type, ...alice }, body)).statusCode).toBe(200);
  }
  const url = '/usage/auth_token?username=alice&password=alice-secret';
  for (const method of ['GET', 'POST'] as const) expect((await server.inject({ method, url })).statusCode).toBe(401);
});

test('HEAD and OPTIONS work, and other methods get 405 with the allowed ones', async () => {
  const head = await ask('HEAD');
  expect([head.statusCode, head.body, head.headers['cache-control']]).toEqual([200, '', 'no-store']);
  const allow = 'GET, HEAD, OPTIONS, POST';
  const options = await ask('OPTIONS', {});
  expect([options.statusCode, options.headers.allow]).toEqual([200, allow]);
  for (const method of ['PUT', 'DELETE'] as const) {
    const refused = await ask(method);
    expect([refused.statusCode, refused.headers.allow], method).toEqual([405, allow]);
  }
});

test('the preflight allows a page to send POST', async () => {
  const { statusCode, headers } = await ask('OPTIONS', {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  });
  expect(statusCode).toBe(200);
  expect(headers['access-control-allow-methods']).toContain('POST');
  expect(headers['access-control-allow-headers']).toBe('authorization');
});

test('returns 503 with Retry-After if the directory fails or is busy', async () => {
  const [outage, crowd] = await Promise.all([
    ask('POST', authorization('outage', 'x')),
    ask('POST', authorization('crowd', 'x')),
  ]);
  expect([outage.statusCode, outage.headers['retry-after']]).toEqual([503, '10']);
  expect([crowd.statusCode, crowd.headers['retry-after']]).toEqual([503, '5']);
});

test('counts failed sign-ins of all IPv6 addresses of a network together', async () => {
  const { server: limited, signIns } = createTestServer({ failedSignIns: 50 });
  for (let i = 1; i < 100; i++) {
    const remoteAddress = `2001:db8:1:2::${i.toString(16)}`;
    await limited.inject({ url: '/usage/auth_token', headers: authorization('alice', 'wrong'), remoteAddress });
  }
  expect(signIns).toHaveLength(10);
  const elsewhere = { headers: authorization('alice', PASSWORD), remoteAddress: '2001:db8:1:3::1' };
  expect((await limited.inject({ url: '/usage/auth_token', ...elsewhere })).statusCode).toBe(200);
});

/* Uses real sockets: 127.0.0.2 and so on are further addresses of this machine. */
describe('limits', () => {
  let service: ListeningServer;

  afterEach(() => service.close());

  const from = (address: string, text: string) => talk(service.port, text, address);
  const statuses = (responses: readonly RawResponse[]) => responses.map(({ status }) => status);
  const signIn = (user: string, password: string, headers: Record<string, string> = {}) =>
    get('/auth_token', { Authorization: basic(user, password), ...headers });

  async function times(count: number, send: () => Promise<RawResponse>): Promise<RawResponse[]> {
    const responses: RawResponse[] = [];
    for (let i = 0; i < count; i++) responses.push(await send());
    return responses;
  }

  test('passes ten of ten thousand wrong passwords to the directory, while the user signs in from another address', async () => {
    service = await startTestServer({ failedSignIns: 50 });
    const socketsAtOnce = 20;
    const wrong = signIn('alice', 'wrong', { Connection: 'keep-alive' }).repeat(10_000 / socketsAtOnce - 1);
    const storm = Promise.all(
      Array.from({ length: socketsAtOnce }, () => from('127.0.0.1', wrong + signIn('alice', 'wrong'))),
    );
    const elsewhere = await times(5, () => from('127.0.0.2', signIn('alice', 'right')));
    expect(statuses(elsewhere)).toEqual(Array(5).fill(200));
    const answers = (await storm).map(({ text }) => text).join('');
    const count = (status: number) => answers.split(`HTTP/1.1 ${status} `).length - 1;
    expect([count(401), count(429), count(503)].reduce((sum, one) => sum + one)).toBe(10_000);
    expect(count(401)).toBe(10);
    expect(service.signIns).toHaveLength(10 + 5);

    const refused = await from('127.0.0.1', signIn('alice', 'right'));
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([429, undefined]);
    service.steadyClock.now += Number(refused.headers['retry-after']) * 1000;
    expect((await from('127.0.0.1', signIn('alice', 'right'))).status).toBe(200);
  });

  test('refuses throttled sign-ins equally for right and wrong passwords, and for unknown users', async () => {
    service = await startTestServer({ failedSignIns: 50 });
    for (const user of ['alice', 'stranger']) await times(10, () => from('127.0.0.1', signIn(user, 'wrong')));
    const before = service.signIns.length;
    const id = { 'X-Request-Id': 'the-same' };
    const [right, wrong, stranger] = [
      await from('127.0.0.1', signIn('alice', 'right', id)),
      await from('127.0.0.1', signIn('alice', 'wrong', id)),
      await from('127.0.0.1', signIn('stranger', 'wrong', id)),
    ];
    const comparable = ({ status, headers: { date, ...headers }, body }: RawResponse) => ({ status, headers, body });
    expect(right?.status).toBe(429);
    expect(comparable(wrong)).toEqual(comparable(right));
    expect(comparable(stranger)).toEqual(comparable(right));
    expect(service.signIns).toHaveLength(before);
    // Tokens stay valid.
    expect((await from('127.0.0.1', get('/gaps', { Authorization: `Bearer ${TOKEN}` }))).status).toBe(200);
  });

  test('returns 503 when too many users sign in at once, and handles other requests meanwhile', async () => {
    const { promise, resolve } = Promise.withResolvers<Principal>();
    service = await startTestServer({ directory: { authenticate: () => promise } });
    const crowds = ['127.0.0.1', '127.0.0.2'].map((address) =>
      Array.from({ length: 69 }, () => from(address, signIn('alice', 'right'))),
    );
    for (const crowd of crowds) {
      const { status, headers } = await Promise.race(crowd);
      expect([status, headers['retry-after'], headers['content-type']]).toEqual([503, '5', 'application/problem+json']);
    }
    // Another address gets one of their places.
    const third = from('127.0.0.3', signIn('alice', 'right'));
    expect((await from('127.0.0.1', get('/gaps'))).status).toBe(200);
    resolve(ALICE);
    expect((await third).status).toBe(200);
    const answers = (await Promise.all(crowds.flat())).map(({ status }) => status);
    expect([200, 503].map((expected) => answers.filter((status) => status === expected).length)).toEqual([135, 3]);
  });
});
