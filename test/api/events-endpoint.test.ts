import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import { digest } from '../support/sample-graph.ts';
import { createTestServer, NOW, type TestServer } from '../support/server.ts';

/* Notifications as a registry sends them. test/system/notifications.test.ts uses a real registry. */
const SECRET = 'sécret of 16 bytes or more';
/** The secret as it is sent: bytes of UTF-8, which HTTP libraries decode as Latin-1. */
const SENT = Buffer.from(SECRET).toString('latin1');
const V1 = 'application/vnd.docker.distribution.events.v1+json';
const V2 = 'application/vnd.docker.distribution.events.v2+json';

let listener: TestServer;

beforeEach(() => {
  listener = createTestServer({ events: { secret: SECRET } });
});

afterEach(() => listener.server.close());

interface Sending {
  readonly type?: string;
  readonly authorization?: string | undefined;
  readonly url?: string;
}

async function send(payload: string, sending: Sending = {}) {
  const { type = V1, url = '/usage/events' } = sending;
  const authorization = 'authorization' in sending ? sending.authorization : SENT;
  const answer = await listener.server.inject({
    method: 'POST',
    url,
    headers: { ...(type && { 'content-type': type }), ...(authorization !== undefined && { authorization }) },
    payload,
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body };
}

async function tell(...events: readonly unknown[]): Promise<void> {
  const { status, body } = await send(JSON.stringify({ events }));
  expect([status, body]).toEqual([202, '']);
}

const image = { mediaType: MANIFEST_TYPES.ociManifest, digest: digest('image'), repository: 'group/app' };
const PUSH = JSON.stringify({ events: [{ action: 'push', target: { ...image, tag: '1.0' } }] });

describe('access', () => {
  test.for([V1, V2, `${V2}; charset=utf-8`, `${V1};x`, 'Application/JSON;charset=UTF-8'])(
    'accepts the media type %s',
    async (type) => {
      expect(await send(PUSH, { type })).toMatchObject({ status: 202, body: '' });
      expect(listener.changed).toEqual([['group/app']]);
    },
  );

  test.for(['', 'text/plain', 'application/xml', 'application/vnd.docker.distribution.events.v3+json'])(
    'returns 415 for the media type %j',
    async (type) => {
      const { status, headers } = await send(PUSH, { type });
      expect([status, headers['content-type']]).toEqual([415, 'application/problem+json']);
      expect(listener.changed).toEqual([]);
    },
  );

  test.for([SENT, `Bearer ${SENT}`, `bearer  ${SENT}`])('accepts the secret as %j', async (authorization) => {
    expect((await send(PUSH, { authorization })).status).toBe(202);
  });

  test.for([undefined, '', 'Bearer ', 'Bearer good', SENT.slice(1), `${SENT}x`, `Basic ${SENT}`])(
    'returns 401 for the header %j',
    async (authorization) => {
      const { status, headers, body } = await send('{broken', { authorization, type: 'text/plain' });
      expect([status, headers['content-type']]).toEqual([401, 'application/problem+json']);
      expect(headers['www-authenticate']).toBe('Bearer realm="gitlab-registry-usage-rest"');
      expect(body).toContain('[events]');
      expect(listener.changed).toEqual([]);
    },
  );

  test('logs refused requests, and never a secret', async () => {
    await send(PUSH, { authorization: 'Bearer a-secret-of-another' });
    await send(PUSH);
    expect(listener.log.map(({ fields }) => fields)).toEqual(
      [401, 202].map((status) => expect.objectContaining({ method: 'POST', path: '/usage/events', status })),
    );
    expect(JSON.stringify(listener.log)).not.toMatch(/secret|cret of 16/);
  });

  test('accepts the secret for no other path', async () => {
    const { statusCode } = await listener.server.inject({
      url: '/usage/repositories',
      headers: { authorization: `Bearer ${SENT}` },
    });
    expect(statusCode).toBe(401);
  });

  test('allows only POST, and has no paths below it', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
      const { statusCode, headers } = await listener.server.inject({ method, url: '/usage/events' });
      expect([statusCode, headers.allow], method).toEqual([405, 'OPTIONS, POST']);
    }
    const { statusCode, headers } = await listener.server.inject({ method: 'OPTIONS', url: '/usage/events' });
    expect([statusCode, headers.allow]).toEqual([200, 'OPTIONS, POST']);
    for (const url of ['/events', '/usage/events/', '/usage/events/more']) {
      expect((await send(PUSH, { url })).status, url).toBe(404);
    }
  });

  test('does not exist if no secret is configured', async () => {
    const closed = createTestServer({ events: { secret: undefined } });
    for (const method of ['POST', 'GET', 'OPTIONS'] as const) {
      for (const authorization of ['', 'undefined', 'Bearer good']) {
        const answer = await closed.server.inject({ method, url: '/usage/events', headers: { authorization } });
        expect(answer.statusCode).toBe(404);
        expect(answer.json().detail).toBe('The resource "/usage/events" does not exist');
      }
    }
    await closed.server.close();
  });
});

describe('the body', () => {
  test.for([
    ['', 'must be JSON'],
    ['{"events":[', 'must be JSON'],
    ...['[]', 'null', '7', '{}', '{"events":{}}', '{"events":null}', '{"event":[]}'].map(
      (body) => [body, 'a list "events"'] as const,
    ),
  ] as const)('%j is refused with 400', async ([body, reason]) => {
    const answer = await send(body);
    expect([answer.status, JSON.parse(answer.body).detail]).toEqual([400, expect.stringContaining(reason)]);
  });

  test('may have up to 1 MiB; a longer one gets 413, with or without Content-Length', async () => {
    const most = `${PUSH}${' '.repeat(1024 * 1024 - PUSH.length)}`;
    expect((await send(most)).status).toBe(202);
    const { status, body } = await send(`${most} `);
    expect([status, JSON.parse(body).detail]).toEqual([413, expect.stringContaining('1 MiB')]);
    const url = new URL(await listener.server.listen({ host: '127.0.0.1', port: 0 }));
    const headers = { authorization: SENT, 'content-type': V1, 'transfer-encoding': 'chunked' };
    const request = httpRequest({ port: url.port, method: 'POST', path: '/usage/events', headers });
    request.on('error', () => undefined).end(`${most} `); // the server may close the connection before the end
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(413);
    response.resume();
  });

  test('ignores events that are not understood, and uses the others', async () => {
    await tell(
      null,
      'event',
      [],
      {},
      { action: 'push' },
      { action: 'push', target: null },
      { action: 'push', target: { ...image, repository: 'Not Legal' } },
      { action: 'push', target: { ...image, repository: ['group/app'] } },
      { action: 7, target: image },
      { action: 'explode', target: image, and: { more: ['of', 'it'] } },
      { action: 'pull', target: { ...image, repository: '../up', tag: '1.0' } },
      { action: 'constructor', target: image },
      { action: 'push', target: { ...image, repository: 'good', artifactType: 'x', annotations: {} }, meta: {} },
    );
    expect([listener.changed, listener.pulled]).toEqual([[['good']], []]);
  });

  test('passes thousands of events on in one call', async () => {
    const events = Array.from({ length: 5000 }, (_, i) => ({
      action: 'push',
      target: { tag: 't', repository: `a/${i % 100}` },
    }));
    await tell(...events);
    expect(listener.changed.map((repositories) => repositories.length)).toEqual([100]);
  });
});

describe('changes', () => {
  const index = { mediaType: MANIFEST_TYPES.ociIndex, digest: digest('index'), repository: 'multi' };
  const blob = { mediaType: 'application/octet-stream', digest: digest('blob'), repository: 'b' };

  test('a push by tag or digest changes its repository', async () => {
    await tell({ action: 'push', target: { ...image, tag: '1.0' } }, { action: 'push', target: index });
    expect(listener.changed).toEqual([['group/app', 'multi']]);
  });

  test('the push of a blob changes nothing', async () => {
    await tell({ action: 'push', target: blob });
    expect(listener.changed).toEqual([]);
  });

  test('a mount changes the target repository, and not the source', async () => {
    await tell({ action: 'mount', target: { ...blob, fromRepository: 'elsewhere' } });
    expect(listener.changed).toEqual([['b']]);
  });

  test('each deletion is a change: of a tag, a digest or a repository', async () => {
    await tell(
      { action: 'delete', target: { repository: 'tagged', tag: '1.0' } },
      { action: 'delete', target: { repository: 'digested', digest: digest('blob') } },
      { action: 'delete', target: { repository: 'whole' } },
    );
    expect(listener.changed).toEqual([['tagged', 'digested', 'whole']]);
  });

  test('a rename changes the old and the new name', async () => {
    const rename = { type: 'name', from: 'group/old', to: 'group/new' };
    await tell({ action: 'rename', target: { repository: 'group/old', rename } });
    await tell({ action: 'rename', target: { repository: 'only' } });
    expect(listener.changed).toEqual([['group/old', 'group/new'], ['only']]);
  });
});

describe('pulls', () => {
  const pull = (more: object, target: object = {}) => ({ action: 'pull', target: { ...image, ...target }, ...more });
  const AT = Date.UTC(2026, 10, 25, 9, 30, 15, 402);

  test('by tag are pulls of the tag and of the digest, at the time of the event', async () => {
    await tell(pull({ timestamp: '2026-11-25T11:30:15.402973972+02:00' }, { tag: '1.0' }));
    expect(listener.pulled).toEqual([
      { repository: 'group/app', reference: '1.0', at: AT },
      { repository: 'group/app', reference: digest('image'), at: AT },
    ]);
    expect(listener.changed).toEqual([]);
  });

  test('by digest are pulls of the digest', async () => {
    await tell(
      pull({ timestamp: '2026-11-25T09:30:15.402Z' }),
      pull({}, { tag: 'not legal!', digest: 'sha256:short' }),
    );
    expect(listener.pulled).toEqual([{ repository: 'group/app', reference: digest('image'), at: AT }]);
  });

  test.for([
    '2026-11-25T12:00:00.001Z',
    '9999-12-31T23:59:59Z',
    '0001-01-01T00:00:00Z',
    'yesterday',
    '25',
    '',
    17,
    null,
  ])('with the time %j happened now', async (timestamp) => {
    await tell(pull({ timestamp }));
    expect(listener.pulled.map(({ at }) => at)).toEqual([NOW]);
  });

  test('of blobs are ignored', async () => {
    await tell(pull({}, { mediaType: 'application/octet-stream' }), pull({}, { mediaType: 'application/vnd.x' }));
    expect(listener.pulled).toEqual([]);
  });

  test('by the service itself are ignored', async () => {
    await tell(
      pull({ request: { method: 'HEAD', useragent: 'gitlab-registry-usage-rest/1.2.3' } }),
      pull({ request: { useragent: 'docker/27.0 (like gitlab-registry-usage-rest/1)' } }),
    );
    expect(listener.pulled).toHaveLength(1);
  });
});

describe('a repeated event', () => {
  const push = (id: unknown, repository = 'a') => ({ id, action: 'push', target: { ...image, repository } });

  test('is ignored, in the same envelope and in another one', async () => {
    await tell(push('1'), push('1', 'b'));
    await tell(push('1', 'c'), push('2', 'd'));
    expect(listener.changed).toEqual([['a'], ['d']]);
  });

  test('is processed if it has no id, or one that is too long', async () => {
    for (const id of [undefined, '', 7, 'x'.repeat(1000)]) {
      await tell(push(id));
      await tell(push(id));
    }
    expect(listener.changed).toHaveLength(8);
  });

  test('is recognized among the last ten thousand events', async () => {
    const others = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ id: `${from + i}` }));
    await tell(push('first'), ...others(0, 9_999));
    await tell(push('first', 'b'));
    await tell(...others(10_000, 20_000));
    await tell(push('first', 'c'));
    expect(listener.changed).toEqual([['a'], ['c']]);
  });
});
