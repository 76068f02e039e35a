import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TIMEOUTS, type Timeouts } from '../../src/http/listener.ts';
import type { Principal } from '../../src/ports.ts';
import { get, parseResponse, talk } from '../support/raw-http.ts';
import { ALICE, type ListeningServer, NO_LIMITS, PREFIX, startTestServer } from '../support/server.ts';

/* Clients that are slow on purpose. The timeouts are fractions of a second, so that the tests are fast. */

const SHORT: Timeouts = { headersMs: 300, requestMs: 600, keepAliveMs: 500, stalledMs: 400, responseMs: 900 };

let service: ListeningServer;
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await service.close();
});

function open(localAddress = '127.0.0.1'): Socket {
  const socket = connect({ port: service.port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
  sockets.add(socket);
  return socket;
}

/** Returns all that is received until the server closes the connection. */
async function rest(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}

/** Writes a byte from time to time, until the connection is closed. */
function trickle(socket: Socket, bytes: string): void {
  const timer = setInterval(() => socket.writable && socket.write(bytes), 20);
  socket.once('close', () => clearInterval(timer));
}

async function expectServed(): Promise<void> {
  expect((await talk(service.port, get('/repositories'))).status).toBe(200);
}

const head = `POST ${PREFIX}/collection HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n`;

test('closes connections without a request, and those that send headers or a body byte by byte, and serves others meanwhile', async () => {
  service = await startTestServer({ http: { timeouts: SHORT } });
  const silent = open();
  const slowHeaders = open();
  slowHeaders.write(head);
  trickle(slowHeaders, 'X: 1\r\n');
  const slowBody = open();
  slowBody.write(`${head}Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n`);
  trickle(slowBody, 'x');
  const endless = open();
  endless.write(`${head}Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n`);
  trickle(endless, '1\r\nx\r\n');
  const noBody = open();
  noBody.write(`${head}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n`);
  const slow = Promise.all([silent, slowHeaders, slowBody, endless, noBody].map(rest));
  await expectServed();
  for (const text of await slow) {
    const { status, headers, body } = parseResponse(text);
    expect([status, headers['content-type'], headers['connection']]).toEqual([
      408,
      'application/problem+json',
      'close',
    ]);
    expect(JSON.parse(body)).toMatchObject({ status: 408, title: 'Request Timeout' });
  }
  await expectServed();
});

test('closes a connection without a further request', async () => {
  service = await startTestServer({ http: { timeouts: SHORT } });
  const socket = open();
  socket.write(get('/gaps', { Connection: 'keep-alive' }));
  expect(parseResponse(await rest(socket)).status).toBe(200);
});

test('closes the connection of a client that stops reading, and serves others meanwhile', async () => {
  service = await startTestServer({ http: { timeouts: { ...TIMEOUTS, stalledMs: 400 } }, tagsCount: 60_000 });
  const path = '/repositories?embed=true&links=true';
  const whole = await talk(service.port, get(path));
  expect(whole.body.length).toBeGreaterThan(20_000_000);
  const stalled = open();
  const cutOff = new Promise((resolve) =>
    service.server.server.once('connection', (socket) => socket.once('close', resolve)),
  );
  stalled.pause().write(get(path));
  await Promise.all([cutOff, expectServed()]);
  expect((await rest(stalled.resume())).length).toBeLessThan(whole.text.length);
});

test('closes the connection of a client that reads a large response very slowly', async () => {
  service = await startTestServer({ http: { timeouts: { ...TIMEOUTS, responseMs: 900 } }, tagsCount: 60_000 });
  const path = '/repositories?embed=true&links=true';
  const dripping = open();
  const cutOff = new Promise((resolve) =>
    service.server.server.once('connection', (socket) => socket.once('close', resolve)),
  );
  dripping.write(get(path, { 'Accept-Encoding': 'identity' }));
  const chunks: Buffer[] = [];
  dripping.on('data', (chunk) => {
    chunks.push(chunk);
    dripping.pause();
    setTimeout(() => dripping.resume(), 20);
  });
  const drained = new Promise((resolve) => dripping.once('close', resolve));
  await Promise.all([cutOff, expectServed()]);
  await drained;
  const { headers, body } = parseResponse(Buffer.concat(chunks).toString('latin1'));
  expect(body.length).toBeLessThan(Number(headers['content-length']));
});

test('serves a client that reads many large responses, each of them in time', async () => {
  service = await startTestServer({ http: { timeouts: { ...TIMEOUTS, responseMs: 4000 } }, tagsCount: 5000 });
  const path = '/repositories?embed=true';
  const { body } = await talk(service.port, get(path));
  const socket = open();
  for (const endsAt = performance.now() + 6000; performance.now() < endsAt; ) {
    socket.write(get(path, { Connection: 'keep-alive' }));
    let bytes = 0;
    while (bytes < body.length) bytes += ((await once(socket, 'data')) as [Buffer])[0].length;
  }
  expect(socket.closed).toBe(false);
});

test('does not close a connection that waits for a slow directory', async () => {
  const { promise, resolve } = Promise.withResolvers<Principal>();
  service = await startTestServer({ http: { timeouts: SHORT }, directory: { authenticate: () => promise } });
  const socket = open();
  const answer = rest(socket);
  socket.write(get('/auth_token', { Authorization: `Basic ${btoa('alice:right')}` }));
  // Longer than all timeouts.
  for (let i = 0; i < 10; i++) await new Promise((done) => setTimeout(done, 100));
  resolve(ALICE);
  expect(parseResponse(await answer).status).toBe(200);
});

const limited = (connections: number, connectionsPerAddress: number) => ({
  limits: { ...NO_LIMITS, connections, connectionsPerAddress },
});

test('limits the connections of an address, and not those of others, until one is closed', async () => {
  service = await startTestServer({ http: limited(0, 3) });
  const mine = [open(), open(), open()];
  await Promise.all(mine.map((socket) => once(socket, 'connect')));
  expect((await talk(service.port, get('/gaps'))).text).toBe('');
  expect((await talk(service.port, get('/gaps'), '127.0.0.2')).status).toBe(200);
  const [first] = mine;
  const gone = new Promise((resolve) =>
    service.server.server.getConnections((_, before) => waitFor(before - 1, resolve)),
  );
  first?.destroy();
  await gone;
  expect((await talk(service.port, get('/gaps'))).status).toBe(200);
});

function waitFor(count: number, done: (value: unknown) => void): void {
  service.server.server.getConnections((_, now) => {
    if (now <= count) done(undefined);
    else setImmediate(waitFor, count, done);
  });
}

test('limits the connections of a proxy only by the limit of all', async () => {
  service = await startTestServer({ http: { ...limited(5, 2), trustedProxies: ['127.0.0.1'] } });
  const many = [open(), open(), open(), open()];
  await Promise.all(many.map((socket) => once(socket, 'connect')));
  expect((await talk(service.port, get('/gaps'))).status).toBe(200);
  await once(open(), 'connect');
  expect((await talk(service.port, get('/gaps'))).text).toBe('');
  expect((await talk(service.port, get('/gaps'), '127.0.0.2')).text).toBe('');
});

test('closes silent connections at once when the server closes, and completes running requests', async () => {
  const { promise, resolve } = Promise.withResolvers<Principal>();
  const arrived = Promise.withResolvers<void>();
  const directory = {
    authenticate: () => {
      arrived.resolve();
      return promise;
    },
  };
  service = await startTestServer({ directory });
  const silent = open();
  const asking = talk(service.port, get('/auth_token', { Authorization: `Basic ${btoa('alice:right')}` }));
  await Promise.all([once(silent, 'connect'), arrived.promise]);
  const closed = service.close();
  expect(await rest(silent)).toBe('');
  resolve(ALICE);
  expect((await asking).status).toBe(200);
  await closed;
});
