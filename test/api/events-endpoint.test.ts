import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import { digest } from '../support/sample-graph.ts';
import { createTestServer, NOW, type TestServer } from '../support/server.ts';

/* What a registry sends, and what is made of it. Against a real registry: events-real.test.ts. */
const SECRET = 'sécret of 16 bytes or more';
/** As it travels: in bytes of UTF-8, which HTTP libraries show as Latin-1. */
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

describe('the way in', () => {
  test.for([V1, V2, `${V2}; charset=utf-8`, `${V1};x`, 'Application/JSON;charset=UTF-8'])(
    '%s is taken',
    async (type) => {
      expect(await send(PUSH, { type })).toMatchObject({ status: 202, body: '' });
      expect(listener.changed).toEqual([['group/app']]);
    },
  );

  test.for(['', 'text/plain', 'application/xml', 'application/vnd.docker.distribution.events.v3+json'])(
    'as %j, events are 415',
    async (type) => {
      const { status, headers } = await send(PUSH, { type });
      expect([status, headers['content-type']]).toEqual([415, 'application/problem+json']);
      expect(listener.changed).toEqual([]);
    },
  );

  test.for([SENT, `Bearer ${SENT}`, `bearer  ${SENT}`])('the secret opens it: %j', async (authorization) => {
    expect((await send(PUSH, { authorization })).status).toBe(202);
  });

  test.for([undefined, '', 'Bearer ', 'Bearer good', SENT.slice(1), `${SENT}x`, `Basic ${SENT}`])(
    'nothing else does: %j',
    async (authorization) => {
      const { status, headers, body } = await send('{broken', { authorization, type: 'text/plain' });
      expect([status, headers['content-type']]).toEqual([401, 'application/problem+json']);
      expect(headers['www-authenticate']).toBe('Bearer realm="gitlab-registry-usage-rest"');
      expect(body).toContain('[events]');
      expect(listener.changed).toEqual([]);
    },
  );

  test('who was refused is in the log like everybody, and what was shown is not', async () => {
    await send(PUSH, { authorization: 'Bearer a-secret-of-another' });
    await send(PUSH);
    expect(listener.log.map(({ fields }) => fields)).toEqual(
      [401, 202].map((status) => expect.objectContaining({ method: 'POST', path: '/usage/events', status })),
    );
    expect(JSON.stringify(listener.log)).not.toMatch(/secret|cret of 16/);
  });

  test('the secret of the registry opens nothing else', async () => {
    const { statusCode } = await listener.server.inject({
      url: '/usage/repositories',
      headers: { authorization: `Bearer ${SENT}` },
    });
    expect(statusCode).toBe(401);
  });

  test('only POST is allowed, and no other path is meant', async () => {
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

  test('without a secret there is no such path, whatever is shown', async () => {
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

  test('up to 1 MiB is read, and more is 413, whether its length was told or not', async () => {
    const most = `${PUSH}${' '.repeat(1024 * 1024 - PUSH.length)}`;
    expect((await send(most)).status).toBe(202);
    const { status, body } = await send(`${most} `);
    expect([status, JSON.parse(body).detail]).toEqual([413, expect.stringContaining('1 MiB')]);
    const url = new URL(await listener.server.listen({ host: '127.0.0.1', port: 0 }));
    const headers = { authorization: SENT, 'content-type': V1, 'transfer-encoding': 'chunked' };
    const request = httpRequest({ port: url.port, method: 'POST', path: '/usage/events', headers });
    request.on('error', () => undefined).end(`${most} `); // the server may hang up before it has heard all
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(413);
    response.resume();
  });

  test('what cannot be read is passed over, and the rest counts', async () => {
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

  test('thousands of events are one call', async () => {
    const events = Array.from({ length: 5000 }, (_, i) => ({
      action: 'push',
      target: { tag: 't', repository: `a/${i % 100}` },
    }));
    await tell(...events);
    expect(listener.changed.map((repositories) => repositories.length)).toEqual([100]);
  });
});

describe('what changes', () => {
  const index = { mediaType: MANIFEST_TYPES.ociIndex, digest: digest('index'), repository: 'multi' };
  const blob = { mediaType: 'application/octet-stream', digest: digest('blob'), repository: 'b' };

  test('a push, by tag or by digest, changes its repository', async () => {
    await tell({ action: 'push', target: { ...image, tag: '1.0' } }, { action: 'push', target: index });
    expect(listener.changed).toEqual([['group/app', 'multi']]);
  });

  test('a blob that is pushed changes nothing yet', async () => {
    await tell({ action: 'push', target: blob });
    expect(listener.changed).toEqual([]);
  });

  test('a mount changes the repository that it is mounted to, and not the one that it is from', async () => {
    await tell({ action: 'mount', target: { ...blob, fromRepository: 'elsewhere' } });
    expect(listener.changed).toEqual([['b']]);
  });

  test('every deletion is a change: of a tag, of whatever has that digest, of a repository', async () => {
    await tell(
      { action: 'delete', target: { repository: 'tagged', tag: '1.0' } },
      { action: 'delete', target: { repository: 'digested', digest: digest('blob') } },
      { action: 'delete', target: { repository: 'whole' } },
    );
    expect(listener.changed).toEqual([['tagged', 'digested', 'whole']]);
  });

  test('a renaming changes both the old name and the new one', async () => {
    const rename = { type: 'name', from: 'group/old', to: 'group/new' };
    await tell({ action: 'rename', target: { repository: 'group/old', rename } });
    await tell({ action: 'rename', target: { repository: 'only' } });
    expect(listener.changed).toEqual([['group/old', 'group/new'], ['only']]);
  });
});

describe('pulls', () => {
  const pull = (more: object, target: object = {}) => ({ action: 'pull', target: { ...image, ...target }, ...more });
  const AT = Date.UTC(2026, 10, 25, 9, 30, 15, 402);

  test('by tag are of the tag and of the digest, with the time of the event', async () => {
    await tell(pull({ timestamp: '2026-11-25T11:30:15.402973972+02:00' }, { tag: '1.0' }));
    expect(listener.pulled).toEqual([
      { repository: 'group/app', reference: '1.0', at: AT },
      { repository: 'group/app', reference: digest('image'), at: AT },
    ]);
    expect(listener.changed).toEqual([]);
  });

  test('by digest are of the digest', async () => {
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
  ])('at %j are now', async (timestamp) => {
    await tell(pull({ timestamp }));
    expect(listener.pulled.map(({ at }) => at)).toEqual([NOW]);
  });

  test('of blobs do not count', async () => {
    await tell(pull({}, { mediaType: 'application/octet-stream' }), pull({}, { mediaType: 'application/vnd.x' }));
    expect(listener.pulled).toEqual([]);
  });

  test('that are our own reading do not count', async () => {
    await tell(
      pull({ request: { method: 'HEAD', useragent: 'gitlab-registry-usage-rest/1.2.3' } }),
      pull({ request: { useragent: 'docker/27.0 (like gitlab-registry-usage-rest/1)' } }),
    );
    expect(listener.pulled).toHaveLength(1);
  });
});

describe('an event that is told again', () => {
  const push = (id: unknown, repository = 'a') => ({ id, action: 'push', target: { ...image, repository } });

  test('is passed over, within an envelope or not', async () => {
    await tell(push('1'), push('1', 'b'));
    await tell(push('1', 'c'), push('2', 'd'));
    expect(listener.changed).toEqual([['a'], ['d']]);
  });

  test('counts where it has no id, or one that nobody could want to remember', async () => {
    for (const id of [undefined, '', 7, 'x'.repeat(1000)]) {
      await tell(push(id));
      await tell(push(id));
    }
    expect(listener.changed).toHaveLength(8);
  });

  test('is known for ten thousand events, and not for ever', async () => {
    const others = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ id: `${from + i}` }));
    await tell(push('first'), ...others(0, 9_999));
    await tell(push('first', 'b'));
    await tell(...others(10_000, 20_000));
    await tell(push('first', 'c'));
    expect(listener.changed).toEqual([['a'], ['c']]);
  });
});
