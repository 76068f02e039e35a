import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TIMEOUTS, type Timeouts } from '../../src/http/listener.ts';
import type { Principal } from '../../src/ports.ts';
import { get, parseResponse, talk } from '../support/raw-http.ts';
import { ALICE, type ListeningServer, NO_LIMITS, PREFIX, startTestServer } from '../support/server.ts';

/* Clients that are slow on purpose. Here they have a fraction of a second, so that nobody has to wait for them. */

const SHORT: Timeouts = { headersMs: 300, requestMs: 600, keepAliveMs: 500, stalledMs: 400, responseMs: 900 };

let front: ListeningServer;
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await front.close();
});

function open(localAddress = '127.0.0.1'): Socket {
  const socket = connect({ port: front.port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
  sockets.add(socket);
  return socket;
}

/** Everything that came until the other side closed. */
async function rest(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}

/** Writes a byte every now and then, as long as it can. */
function trickle(socket: Socket, bytes: string): void {
  const timer = setInterval(() => socket.writable && socket.write(bytes), 20);
  socket.once('close', () => clearInterval(timer));
}

async function expectServed(): Promise<void> {
  expect((await talk(front.port, get('/repositories'))).status).toBe(200);
}

const head = `POST ${PREFIX}/collection HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n`;

test('whoever says nothing, or his headers or his body by the byte, is told so and cut off, while others are served', async () => {
  front = await startTestServer({ http: { timeouts: SHORT } });
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

test('whoever does not ask again is closed after a while', async () => {
  front = await startTestServer({ http: { timeouts: SHORT } });
  const socket = open();
  socket.write(get('/gaps', { Connection: 'keep-alive' }));
  expect(parseResponse(await rest(socket)).status).toBe(200);
});

test('whoever stops reading a large answer loses his connection, and others are served', async () => {
  front = await startTestServer({ http: { timeouts: { ...TIMEOUTS, stalledMs: 400 } }, tagsCount: 60_000 });
  const path = '/repositories?embed=true&links=true';
  const whole = await talk(front.port, get(path));
  expect(whole.body.length).toBeGreaterThan(20_000_000);
  const stalled = open();
  const cutOff = new Promise((resolve) =>
    front.server.server.once('connection', (socket) => socket.once('close', resolve)),
  );
  stalled.pause().write(get(path));
  await Promise.all([cutOff, expectServed()]);
  expect((await rest(stalled.resume())).length).toBeLessThan(whole.text.length);
});

test('whoever reads a large answer by the drop loses his connection, too', async () => {
  front = await startTestServer({ http: { timeouts: { ...TIMEOUTS, responseMs: 900 } }, tagsCount: 60_000 });
  const path = '/repositories?embed=true&links=true';
  const dripping = open();
  const cutOff = new Promise((resolve) =>
    front.server.server.once('connection', (socket) => socket.once('close', resolve)),
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

test('whoever reads one large answer after the other for longer than one may take is served', async () => {
  front = await startTestServer({ http: { timeouts: { ...TIMEOUTS, responseMs: 4000 } }, tagsCount: 5000 });
  const path = '/repositories?embed=true';
  const { body } = await talk(front.port, get(path));
  const socket = open();
  for (const endsAt = performance.now() + 6000; performance.now() < endsAt; ) {
    socket.write(get(path, { Connection: 'keep-alive' }));
    let bytes = 0;
    while (bytes < body.length) bytes += ((await once(socket, 'data')) as [Buffer])[0].length;
  }
  expect(socket.closed).toBe(false);
});

test('whoever waits for us is not cut off, however long the directory takes', async () => {
  const { promise, resolve } = Promise.withResolvers<Principal>();
  front = await startTestServer({ http: { timeouts: SHORT }, directory: { authenticate: () => promise } });
  const socket = open();
  const answer = rest(socket);
  socket.write(get('/auth_token', { Authorization: `Basic ${btoa('alice:right')}` }));
  // Longer than every limit there is.
  for (let i = 0; i < 10; i++) await new Promise((done) => setTimeout(done, 100));
  resolve(ALICE);
  expect(parseResponse(await answer).status).toBe(200);
});

const limited = (connections: number, connectionsPerAddress: number) => ({
  limits: { ...NO_LIMITS, connections, connectionsPerAddress },
});

test('an address has so many connections, and those of others are not touched; one that ends makes room', async () => {
  front = await startTestServer({ http: limited(0, 3) });
  const mine = [open(), open(), open()];
  await Promise.all(mine.map((socket) => once(socket, 'connect')));
  expect((await talk(front.port, get('/gaps'))).text).toBe('');
  expect((await talk(front.port, get('/gaps'), '127.0.0.2')).status).toBe(200);
  const [first] = mine;
  const gone = new Promise((resolve) =>
    front.server.server.getConnections((_, before) => waitFor(before - 1, resolve)),
  );
  first?.destroy();
  await gone;
  expect((await talk(front.port, get('/gaps'))).status).toBe(200);
});

function waitFor(count: number, done: (value: unknown) => void): void {
  front.server.server.getConnections((_, now) => {
    if (now <= count) done(undefined);
    else setImmediate(waitFor, count, done);
  });
}

test('a proxy has as many connections as there are', async () => {
  front = await startTestServer({ http: { ...limited(5, 2), trustedProxies: ['127.0.0.1'] } });
  const many = [open(), open(), open(), open()];
  await Promise.all(many.map((socket) => once(socket, 'connect')));
  expect((await talk(front.port, get('/gaps'))).status).toBe(200);
  await once(open(), 'connect');
  expect((await talk(front.port, get('/gaps'))).text).toBe('');
  expect((await talk(front.port, get('/gaps'), '127.0.0.2')).text).toBe('');
});

test('when it closes, whoever is silent is closed at once, and whoever has asked gets his answer', async () => {
  const { promise, resolve } = Promise.withResolvers<Principal>();
  const arrived = Promise.withResolvers<void>();
  const directory = {
    authenticate: () => {
      arrived.resolve();
      return promise;
    },
  };
  front = await startTestServer({ directory });
  const silent = open();
  const asking = talk(front.port, get('/auth_token', { Authorization: `Basic ${btoa('alice:right')}` }));
  await Promise.all([once(silent, 'connect'), arrived.promise]);
  const closed = front.close();
  expect(await rest(silent)).toBe('');
  resolve(ALICE);
  expect((await asking).status).toBe(200);
  await closed;
});
