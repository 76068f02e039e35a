import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServer } from '../../src/api/server.ts';
import { BusyError } from '../../src/auth/password-checker.ts';
import { NOTHING_CRAWLED } from '../support/sample-crawl-stats.ts';
import { basic } from '../support/whole-lab.ts';

/* `/auth_token`, below a prefix, before a directory of one user: what is asked by GET may be asked by POST. */

let server: FastifyInstance;

beforeAll(async () => {
  server = createServer({
    prefix: '/usage',
    version: '0',
    corsOrigins: ['https://page.example'],
    snapshots: { latest: () => undefined },
    scheduler: {
      status: () => ({
        running: undefined,
        failure: undefined,
        lastFinishedAt: undefined,
        recrawlQueueLength: 0,
        nextAt: 0,
      }),
      request: () => 'running',
      stats: () => NOTHING_CRAWLED,
    },
    notifications: { changed() {}, pulled() {} },
    events: { secret: undefined },
    metrics: { isEnabled: false, token: undefined, namespacesLimit: 0, repositoriesLimit: 0 },
    clock: () => 0,
    directory: {
      async authenticate(user, password) {
        if (user === 'crowd') throw new BusyError();
        if (user === 'outage') throw new Error('no directory server can tell');
        return user === 'alice' && password === 'alice-secret';
      },
    },
    tokens: {
      expiresInSeconds: 3600,
      issue: async (user) => `token of ${user}`,
      verify: async () => undefined,
      recall: () => undefined,
    },
    log: pino({ level: 'silent' }),
  });
  await server.ready();
});

afterAll(() => server.close());

const alice = basic('alice', 'alice-secret');

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
  '%s answers with a token and the seconds it is valid for, and no cache keeps it',
  async (method) => {
    const { statusCode, headers, body } = await ask(method);
    expect([statusCode, JSON.parse(body)]).toEqual([200, { auth_token: 'token of alice', expires_in: 3600 }]);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['access-control-allow-origin']).toBe('https://page.example');
  },
);

test.for(['GET', 'POST'] as const)(
  '%s refuses whoever is not known, and no cache keeps that either',
  async (method) => {
    for (const credentials of [basic('alice', 'wrong'), basic('nobody', 'x'), basic('alice', ''), {}]) {
      const { statusCode, headers } = await ask(method, credentials);
      expect(statusCode).toBe(401);
      expect(headers['www-authenticate']).toBe('Basic realm="gitlab-registry-usage-rest", charset="UTF-8"');
      expect(headers['cache-control']).toBe('no-store');
    }
  },
);

test('a name and a password anywhere but in the header are none', async () => {
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

test('HEAD and OPTIONS work, and what else is asked is 405 with what may be', async () => {
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

test('a page may ask by POST: the preflight says so', async () => {
  const { statusCode, headers } = await ask('OPTIONS', {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  });
  expect(statusCode).toBe(200);
  expect(headers['access-control-allow-methods']).toContain('POST');
  expect(headers['access-control-allow-headers']).toBe('authorization');
});

test('where nobody can tell, or too many are being told, it is worth coming again', async () => {
  const [outage, crowd] = await Promise.all([ask('POST', basic('outage', 'x')), ask('POST', basic('crowd', 'x'))]);
  expect([outage.statusCode, outage.headers['retry-after']]).toEqual([503, '10']);
  expect([crowd.statusCode, crowd.headers['retry-after']]).toEqual([503, '5']);
  expect(crowd.json().detail).toBe('Too many users are signing in at once');
});
