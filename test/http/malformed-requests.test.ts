import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Principal } from '../../src/ports.ts';
import { basic, get, parseResponse, talk } from '../support/raw-http.ts';
import { ALICE, type ListeningServer, PREFIX, startTestServer } from '../support/server.ts';

/* Requests that attackers and broken clients send, written to a socket. */

let service: ListeningServer;

beforeAll(async () => {
  service = await startTestServer();
});

afterAll(() => service.close());

const HEAD = 'Host: localhost\r\nAuthorization: Bearer good\r\nConnection: close\r\n';
const send = (text: string | Buffer) => talk(service.port, text);

/** Expects a problem without internals of the service. */
function expectProblem({ status, headers, body }: Awaited<ReturnType<typeof send>>, ...statuses: number[]): void {
  expect(statuses).toContain(status);
  expect(headers['content-type']).toBe('application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  expect(body).not.toMatch(/node_modules|\.ts\b|\.js\b|\/src\/| at \w+ \(/);
}

describe('names', () => {
  test.for([
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e/%2e%2e/etc/passwd',
    '..%252f..%252fetc%252fpasswd',
    '%252e%252e%252f',
    '..%5c..%5cwindows',
    '..\\..\\windows',
    '%00',
    'group%2fapp%00',
    'group%2Fapp/tags/0%00.json',
    '....//....//etc/passwd',
    '%c0%ae%c0%ae%c0%af',
    '%u002e%u002e',
    '%ff%fe',
    '%zz',
    '__proto__',
    'constructor/tags/toString',
    `${'..%2f'.repeat(500)}etc%2fpasswd`,
    'x'.repeat(8000),
    ';id',
    '$%7bjndi:ldap://x%7d',
    "'%20OR%201=1--",
  ])('returns 404 for the name %s', async (name) => {
    for (const path of [`/repositories/${name}`, `/namespaces/${name}`, `/blobs/${name}`]) {
      expectProblem(await send(get(path)), 404);
    }
  });

  test.for([
    '/usage/../usage/gaps',
    '/usage/repositories/../../etc/passwd',
    '/../usage/gaps',
    '//usage/gaps',
    '/./usage/gaps',
  ])('does not normalize the path %s', async (path) => {
    const answer = await send(`GET ${path} HTTP/1.1\r\n${HEAD}\r\n`);
    expectProblem(answer, 404);
  });

  test('does not treat a URL in the path as a target', async () => {
    expectProblem(await send(`GET ${PREFIX}/repositories/http://evil.example/ HTTP/1.1\r\n${HEAD}\r\n`), 404);
    expectProblem(await send(`GET ${PREFIX}//evil.example/%2f.. HTTP/1.1\r\n${HEAD}\r\n`), 404);
  });
});

describe('injection', () => {
  const EVIL = 'X-Evil: 1';

  test.for([
    '/repositories/a%0d%0aX-Evil:%201',
    '/repositories/a%0aX-Evil:%201',
    '/repositories/a%E5%98%8D%E5%98%8AX-Evil:%201',
    '/repositories?embed=1%0d%0aX-Evil:%201',
    '/blobs?page=1%0d%0aX-Evil:%201',
    '/%0d%0aX-Evil:%201',
  ])('by %s appears in no response header', async (path) => {
    const { headers, status } = await send(get(path));
    expect(status).toBeLessThan(500);
    expect(Object.keys(headers)).not.toContain('x-evil');
    expect(Object.values(headers).join('\n')).not.toMatch(/evil/i);
  });

  test.for([
    ['Host', 'evil.example'],
    ['Origin', 'https://evil.example'],
    ['X-Forwarded-Host', 'evil.example'],
    ['X-Forwarded-Proto', 'evil'],
    ['X-Forwarded-For', 'evil.example'],
    ['Forwarded', 'host=evil.example'],
    ['X-Original-URL', '/evil'],
    ['X-HTTP-Method-Override', 'EVIL'],
    ['Referer', 'https://evil.example/'],
    ['If-None-Match', '"evil"'],
    ['Access-Control-Request-Headers', 'evil'],
    ['Accept', 'evil/evil'],
  ] as const)('by %s appears in no response', async ([name, value]) => {
    for (const path of ['/', '/repositories?links=true&embed=true', '/none', '/collection']) {
      const { status, text } = await send(get(path, { [name]: value }));
      expect(status).toBeLessThan(500);
      expect(text.replaceAll(/access-control-allow-headers: .*/gi, '')).not.toMatch(/evil/i);
    }
  });

  test('by a line break in a header is refused, or the line break has no effect', async () => {
    for (const lineEnd of ['\r', '\n', '\r\n ', '\0', '\x0b']) {
      const { status, text } = await send(get('/gaps', { 'X-Name': `a${lineEnd}${EVIL}` }));
      expect([200, 400]).toContain(status);
      expect(text).not.toContain(EVIL);
    }
  });

  test('in credentials is refused as a wrong name or password', async () => {
    for (const user of ['a\r\nX-Evil: 1', '*', 'admin)(&', '\0', '../x']) {
      const { status, headers } = await send(get('/auth_token', { Authorization: basic(user, 'wrong') }));
      expect([status, headers['x-evil']]).toEqual([401, undefined]);
    }
    const before = service.signIns.length;
    for (const [user, password] of [
      ['a\r\nX-Evil: 1', 'right'],
      ['a\0', 'right'],
      ['a', 'right\x7f'],
      ['a', ''],
      ['', 'right'],
    ] as const)
      expect((await send(get('/auth_token', { Authorization: basic(user, password) }))).status).toBe(401);
    expect(service.signIns).toHaveLength(before); // the directory was not asked
  });
});

describe('sizes', () => {
  test('returns 431 for a request line or headers that are too long', async () => {
    for (const text of [
      get(`/${'x'.repeat(20_000)}`),
      get(`/repositories?${'x'.repeat(20_000)}`),
      get('/gaps', { 'X-Large': 'x'.repeat(20_000) }),
      get('/gaps', Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`X-${i}`, '1']))),
      get('/gaps', { Authorization: `Bearer ${'x'.repeat(20_000)}` }),
    ]) {
      expectProblem(await send(text), 431);
    }
  });

  test('returns 413 for a body that is too long, for any method and type, with or without Content-Length', async () => {
    const large = 'x'.repeat(1024 * 1024 + 1);
    const chunked = `${large.length.toString(16)}\r\n${large}`; // without an end
    for (const [method, path] of [
      ['GET', '/gaps'],
      ['POST', '/collection'],
      ['POST', '/events'],
    ] as const) {
      for (const type of ['application/json', 'text/plain', 'application/octet-stream']) {
        if (path === '/events' && type !== 'application/json') continue;
        const headers = {
          'Content-Type': type,
          Authorization: path === '/events' ? 'the secret of the events' : 'Bearer good',
        };
        const said = get(path, { ...headers, 'Content-Length': String(large.length) }, method);
        expectProblem(await send(said), 413);
        expectProblem(await send(get(path, { ...headers, 'Transfer-Encoding': 'chunked' }, method) + chunked), 413);
      }
    }
  });

  test('accepts or refuses deep and odd JSON bodies without a failure', async () => {
    for (const body of [
      '['.repeat(100_000) + ']'.repeat(100_000),
      `${'{"embed":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
      '{"__proto__":{"embed":"true"}}',
      '{"constructor":{"prototype":{"embed":"true"}}}',
    ]) {
      const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
      const { status, text } = await send(get('/repositories', headers) + body);
      expect([200, 400]).toContain(status);
      expect(text).not.toContain('_embedded');
    }
    expect({}).not.toHaveProperty('embed');
  });
});

describe('request smuggling', () => {
  const smuggled = 'GET /usage/repositories?smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

  test.for([
    ['a length and chunks', `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
    ['chunks and a length', `Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`],
    ['two lengths', `Content-Length: 0\r\nContent-Length: 5\r\n\r\n${smuggled}`],
    ['two lengths in one header', `Content-Length: 0, 5\r\n\r\n${smuggled}`],
    ['a negative length', `Content-Length: -1\r\n\r\n${smuggled}`],
    ['a length with a sign', `Content-Length: +5\r\n\r\n${smuggled}`],
    ['a length in hexadecimal', `Content-Length: 0x5\r\n\r\n${smuggled}`],
    ['white space before a colon', `Content-Length : 5\r\n\r\n${smuggled}`],
    ['an encoding that is not known', `Transfer-Encoding: xchunked\r\n\r\n${smuggled}`],
    ['the identity encoding', `Transfer-Encoding: identity\r\n\r\n${smuggled}`],
    [
      'the identity encoding, twice',
      `Transfer-Encoding: identity\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello${smuggled}`,
    ],
    ['chunks that are encoded once more', `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`],
    [
      'a header that goes on in the next line',
      `X: a\r\n Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 1\r\n\r\n${smuggled}`,
    ],
    ['a bare line feed after a chunk size', `Transfer-Encoding: chunked\r\n\r\n0\n\r\n${smuggled}`],
    ['a chunk size that is none', `Transfer-Encoding: chunked\r\n\r\nzz\r\n${smuggled}`],
    ['a chunk that is longer than it says', `Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n${smuggled}`],
  ] as const)('by %s is refused, and the hidden request is not handled', async ([, rest]) => {
    const before = service.log.length;
    const answer = await send(`POST ${PREFIX}/collection HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n${rest}`);
    expectProblem(answer, 400);
    expect(answer.headers['connection']).toBe('close');
    expect(answer.text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
    expect(JSON.stringify(service.log.slice(before))).not.toContain('"GET"');
  });
});

test('refuses CONNECT with an answer, and closes the connection', async () => {
  const answer = await send('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
  expectProblem(answer, 405);
  expect(answer.headers).toMatchObject({ allow: expect.stringContaining('GET'), connection: 'close' });
});

describe('headers that a proxy may understand differently', () => {
  test('refuses a chunked HTTP/1.0 request, closing the connection, and two Authorization headers', async () => {
    const early = `POST ${PREFIX}/collection HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer good\r\n`;
    const answer = await send(`${early}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
    expectProblem(answer, 400);
    expect(answer.headers['connection']).toBe('close');
    for (const second of ['Bearer bad', 'Bearer good', ''])
      expectProblem(await send(`GET ${PREFIX}/gaps HTTP/1.1\r\n${HEAD}aUthorization: ${second}\r\n\r\n`), 400);
  });

  test('ignores an unknown Expect header, and logs the request', async () => {
    const before = service.log.length;
    expect((await send(get('/gaps', { Expect: 'the-impossible' }))).status).toBe(200);
    expect(service.log.slice(before).map(({ message }) => message)).toContain('request');
    expectProblem(await send(get('/gaps', { Expect: 'the-impossible', Authorization: 'Bearer bad' })), 401);
  });
});

test('logs an internal failure, and tells the client nothing about it', async () => {
  const verify = () => Promise.reject(new Error('the inside of it'));
  const failing = await startTestServer({
    tokens: { expiresInSeconds: 1, issue: async () => '', verify, recall: () => undefined },
  });
  try {
    const answer = await talk(failing.port, get('/gaps'));
    expectProblem(answer, 500);
    expect(answer.text).not.toContain('inside');
    expect(failing.log.map(({ message }) => message)).toContain('request failed');
  } finally {
    await failing.close();
  }
});

describe('methods and targets', () => {
  test('returns 405 for a method that the resource does not have, and 400 for an unknown method', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'SEARCH']) {
      const answer = await send(get('/repositories', {}, method));
      expectProblem(answer, 405);
      expect(answer.headers['allow']).toBe('GET, HEAD, OPTIONS');
    }
    for (const method of ['EVIL', 'get', 'GET\t', 'G E T', ''])
      expectProblem(await send(get('/gaps', {}, method)), 400);
  });

  test('refuses CONNECT and Upgrade', async () => {
    expect((await send('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')).status).not.toBe(200);
    const upgrade = {
      Connection: 'Upgrade, close',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    };
    expect((await send(get('/gaps', upgrade))).status).toBe(200);
    expect((await send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).status).toBe(400);
    expect((await send(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))).status).toBe(400);
  });

  test('handles an absolute URL by its path, and never forwards the request', async () => {
    const answer = await send(`GET http://evil.example:1/usage/gaps HTTP/1.1\r\n${HEAD}\r\n`);
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('evil');
    expectProblem(await send(`GET evil.example:443 HTTP/1.1\r\n${HEAD}\r\n`), 400, 404);
    expectProblem(await send(`GET file:///etc/passwd HTTP/1.1\r\n${HEAD}\r\n`), 400, 404);
    expectProblem(await send(`GET * HTTP/1.1\r\n${HEAD}\r\n`), 400, 404);
  });
});

describe('hosts', () => {
  const host = (...lines: readonly string[]) =>
    `GET ${PREFIX}/ HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}Connection: close\r\n\r\n`;

  test('returns 400 unless there is exactly one valid host', async () => {
    for (const lines of [
      [],
      ['Host:'],
      ['Host: a', 'Host: b'],
      ['Host: a', 'hOsT: a'],
      ['Host: a b'],
      ['Host: a,b'],
      ['Host: a/b'],
      ['Host: user@a'],
      ['Host: a:b'],
      ['Host: a:123456'],
      ['Host: [::1'],
      ['Host: ::1'],
      ['Host: <script>'],
      ['Host: a?b'],
      ['Host: a%0d%0a'],
      ['Host: \xe4'],
    ]) {
      expectProblem(await send(host(...lines)), 400);
    }
    for (const legal of ['a', 'a.b-c.example', 'a_b', 'A.EXAMPLE.:80', '127.0.0.1:8080', '[::1]:80', 'a:']) {
      expect((await send(host(`Host: ${legal}`))).status, legal).toBe(200);
    }
    // An HTTP/1.0 request needs no Host header.
    expect((await send(`GET ${PREFIX}/ HTTP/1.0\r\n\r\n`)).status).toBe(200);
  });

  test('returns 421 for hosts that the list does not contain, except for probes', async () => {
    const listed = await startTestServer({ http: { allowedHosts: ['usage.example.com', '[::1]'] } });
    try {
      const status = async (name: string, path = '/') => (await talk(listed.port, get(path, { Host: name }))).status;
      for (const name of ['usage.example.com', 'USAGE.example.com.:8080', '[::1]:80'])
        expect(await status(name)).toBe(200);
      for (const name of ['evil.example', '127.0.0.1', 'usage.example.com.evil.example', 'xusage.example.com']) {
        expectProblem(await talk(listed.port, get('/repositories', { Host: name })), 421);
        expectProblem(await talk(listed.port, get('/auth_token', { Host: name })), 421);
        for (const probe of ['/health/live', '/health/ready']) expect(await status(name, probe)).toBe(200);
        expect(await status(name, '/health/../repositories')).not.toBe(200);
      }
      expect(await status('usage.example.com, evil.example', '/health/live')).toBe(400);
      expectProblem(await talk(listed.port, `GET ${PREFIX}/ HTTP/1.0\r\n\r\n`), 421);
      // The host of an absolute URL takes precedence over the header.
      const whole = (name: string) =>
        `GET http://${name}${PREFIX}/ HTTP/1.1\r\nHost: usage.example.com\r\nConnection: close\r\n\r\n`;
      expectProblem(await talk(listed.port, whole('evil.example')), 421);
      expect((await talk(listed.port, whole('usage.example.com:80'))).status).toBe(200);
      // X-Forwarded-Host is always ignored.
      expectProblem(
        await talk(listed.port, get('/', { Host: 'evil.example', 'X-Forwarded-Host': 'usage.example.com' })),
        421,
      );
      expect(listed.signIns).toEqual([]);
    } finally {
      await listed.close();
    }
  });
});

describe('browsers', () => {
  test('lets only pages of listed origins read a response, and never with cookies', async () => {
    for (const origin of [
      'https://evil.example',
      'null',
      'https://page.example.evil.example',
      'http://page.example',
      'https://page.example:8443',
    ]) {
      for (const method of ['GET', 'OPTIONS']) {
        const request = {
          Origin: origin,
          'Access-Control-Request-Method': 'GET',
          'Access-Control-Request-Headers': 'authorization',
        };
        const { headers } = await send(get('/repositories', request, method));
        expect(headers['access-control-allow-origin'], origin).toBeUndefined();
        expect(headers['access-control-allow-credentials']).toBeUndefined();
      }
    }
    const { headers } = await send(get('/repositories', { Origin: 'https://page.example' }));
    expect(headers['access-control-allow-origin']).toBe('https://page.example');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
    expect(headers['vary']).toMatch(/\bOrigin\b/);
  });

  test('sends the security headers with every status', async () => {
    for (const [text, status] of [
      [get('/'), 200],
      [get('/repositories'), 200],
      [get('/health/live'), 200],
      [get('/none'), 404],
      [get('/repositories', { Authorization: 'Bearer bad' }), 401],
      [get('/repositories', {}, 'DELETE'), 405],
      [get('/', { Host: 'a b' }), 400],
    ] as const) {
      const answer = await send(text);
      expect(answer.status).toBe(status);
      expect(answer.headers).toMatchObject({
        'content-security-policy': expect.stringMatching(/^default-src 'none';.* frame-ancestors 'none'$/),
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
      expect(answer.headers).not.toHaveProperty('strict-transport-security');
      expect(answer.headers).not.toHaveProperty('server');
      expect(answer.headers).not.toHaveProperty('x-powered-by');
    }
  });

  test('forbids shared caches to store the response to a request with a token', async () => {
    for (const path of ['/repositories', '/collection', '/gaps', '/none']) {
      expect((await send(get(path))).headers['cache-control'], path).toMatch(/^(?:private, no-cache|no-store)$/);
    }
  });
});

test('ignores a token in the query', async () => {
  for (const name of ['access_token', 'token', 'auth_token', 'jwt', 'Authorization']) {
    expectProblem(await send(get(`/repositories?${name}=good`, { Authorization: '' })), 401);
  }
});

describe('unparsable input after a request that is being handled', () => {
  const ask = (path: string) => get(path, { Connection: 'keep-alive' });
  const broken = 'GET / HTTP/9.9\r\n\r\n';

  test('is refused after the response, without interrupting it', async () => {
    const large = await startTestServer({ tagsCount: 20_000 });
    try {
      const path = '/repositories?embed=true&links=true';
      const whole = (await talk(large.port, get(path))).body;
      expect(whole.length).toBeGreaterThan(4_000_000);
      for (const rest of [broken, '\0', `GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n`]) {
        const { status, text } = await talk(large.port, ask(path) + rest);
        expect(status).toBe(200);
        const [first = '', second = '', ...others] = text.split(/(?=HTTP\/1\.1 \d{3} )/);
        expect(others).toEqual([]);
        expect(first.endsWith(whole)).toBe(true);
        expectProblem(parseResponse(second), 400);
      }
    } finally {
      await large.close();
    }
  });

  test('is refused after the response to a slow sign-in', async () => {
    const { promise, resolve } = Promise.withResolvers<Principal>();
    const slow = await startTestServer({ directory: { authenticate: () => promise } });
    try {
      const signIn = get('/auth_token', { Authorization: basic('alice', 'right'), Connection: 'keep-alive' });
      const answer = talk(slow.port, signIn + broken);
      while (!slow.log.some(({ message }) => message === 'request')) {
        expect((await talk(slow.port, get('/'))).status).toBe(200); // meanwhile
      }
      resolve(ALICE);
      const { status, text } = await answer;
      expect(status).toBe(200);
      expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    } finally {
      await slow.close();
    }
  });

  test('closes the connection if it is the body of a request that waits for its turn', async () => {
    const { promise, resolve } = Promise.withResolvers<Principal>();
    const slow = await startTestServer({ directory: { authenticate: () => promise } });
    try {
      const signIn = get('/auth_token', { Authorization: basic('alice', 'right'), Connection: 'keep-alive' });
      const chunks = get('/collection', { 'Transfer-Encoding': 'chunked' }, 'POST');
      expect((await talk(slow.port, `${signIn}${chunks}zz\r\n`)).text).toBe('');
    } finally {
      resolve(ALICE);
      await slow.close();
    }
  });
});
