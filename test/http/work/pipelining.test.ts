import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { oneAtATime, type PipeliningOptions } from '../../../src/http/work/pipelining.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface Handled {
  readonly path: string;
  readonly response: ServerResponse;
}

/** A server whose responses the test sends, and a connection to it. */
async function startServer(options: PipeliningOptions = {}) {
  const handled: Handled[] = [];
  let parsed = 0;
  const handle = ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
    handled.push({ path: url, response });
    if (url.startsWith('/now')) response.end(url);
  };
  const server = createServer(oneAtATime(handle, options));
  server.on('request', () => parsed++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  cleanups.push(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  return { handled, socket, parsed: () => parsed };
}

function pipeline(socket: Socket, paths: readonly string[]): void {
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(1);
}

/** Collects what the server sends. */
function textFrom(socket: Socket): () => string {
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  return () => text;
}

test('starts a pipelined request only when the response before it has been sent', async () => {
  const { handled, socket, parsed } = await startServer();
  const text = textFrom(socket);
  pipeline(socket, ['/1', '/2', '/3']);
  await until(() => parsed() === 3);
  expect(handled.map(({ path }) => path)).toEqual(['/1']);
  handled[0]?.response.write('half ');
  await until(() => text().includes('half '));
  expect(handled).toHaveLength(1);
  handled[0]?.response.end();
  await until(() => handled.length > 1);
  expect(handled.map(({ path }) => path)).toEqual(['/1', '/2']);
  handled[1]?.response.end('second');
  await until(() => handled.length > 2);
  handled[2]?.response.end('third');
  await until(() => text().includes('third'));
  expect(text().indexOf('second')).toBeLessThan(text().indexOf('third'));
});

test('handles a request on an idle connection at once', async () => {
  const { handled, socket } = await startServer();
  const text = textFrom(socket);
  for (const path of ['/now1', '/now2']) {
    pipeline(socket, [path]);
    await until(() => text().includes(path));
  }
  expect(handled).toHaveLength(2);
});

test('starts no waiting request after the client has disconnected', async () => {
  const { handled, socket, parsed } = await startServer();
  pipeline(socket, ['/1', '/now2', '/now3']);
  await until(() => parsed() === 3);
  const { response } = handled[0] as Handled;
  const closed = once(response, 'close');
  socket.destroy();
  await closed;
  await new Promise(setImmediate);
  expect(handled).toHaveLength(1);
});

test.for([{ maxWaiting: 16 }, { maxWaitingInAll: 100 }])(
  'stops reading while many requests wait (%o), and answers all of them in order in the end',
  async (options) => {
    const { handled, socket, parsed } = await startServer(options);
    const paths = Array.from({ length: 6000 }, (_, i) => `/now${i}`);
    const text = textFrom(socket);
    pipeline(socket, ['/1', ...paths]);
    await until(() => parsed() > 1);
    await sleep(20);
    // One read returns 64 KiB at most.
    expect(parsed()).toBeLessThan(3000);
    expect(handled).toHaveLength(1);
    handled[0]?.response.end();
    await until(() => handled.length === paths.length + 1);
    expect(handled.slice(1).map(({ path }) => path)).toEqual(paths);
    await until(() => text().includes('/now5999'));
  },
);
