import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { describeCollection } from '../../src/api/collections/descriptor.ts';
import { BY_NAME, byNumber } from '../../src/api/collections/orders.ts';
import { RESOURCES } from '../../src/api/collections/resources.ts';
import { shownIn } from '../../src/api/hal/represent-list.ts';
import { lazyArrayOf } from '../../src/http/bodies/json-stream.ts';
import { get, parseResponse, talk } from '../support/raw-http.ts';
import { type ListeningServer, startTestServer } from '../support/server.ts';

/* A list that the service does not have, as long as the tags of a very large registry. It counts what is read of its members. */

const LENGTH = 2_000_000;
const read = { names: 0, values: 0, members: 0 };
let server: ListeningServer;

const NUMBERS = describeCollection<number>({
  path: '/numbers',
  relation: 'numbers',
  operation: { id: 'listNumbers', section: 'tree', summary: 'Numbers' },
  schema: { name: 'Numbers', schema: z.unknown() },
  memberSchemas: [],
  columns: ['number'],
  orders: {
    ...BY_NAME,
    value: byNumber((number) => {
      read.values++;
      return (number * 7919) % 1009;
    }),
  },
  ownOrder: 'name',
  nameOf(number) {
    read.names++;
    return `number-${number}`;
  },
  find() {
    const members = {
      length: LENGTH,
      at: (position: number) => position,
      *[Symbol.iterator]() {
        for (let number = 0; number < LENGTH; number++) yield number;
      },
    };
    const represent = (number: number) => {
      read.members++;
      return { number };
    };
    return {
      members,
      represent: (view) => ({ numbers: lazyArrayOf(shownIn(view, members), represent) }),
      representLine: represent,
    };
  },
});

beforeEach(async () => {
  Object.assign(read, { names: 0, values: 0, members: 0 });
  server = await startTestServer({
    resources: [...RESOURCES, NUMBERS],
    http: { steadyClock: () => performance.now() },
  });
});

afterEach(() => server.close());

async function open(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(1);
}

/** Waits until nothing more is read of the list. */
async function settled(): Promise<typeof read> {
  for (let before = ''; before !== JSON.stringify(read); await sleep(100)) before = JSON.stringify(read);
  return read;
}

const KEEP_ALIVE = { Connection: 'keep-alive' };

test.for([
  ['search', '/numbers?search=*1*2*3*&per_page=1', 'names'],
  ['order_by', '/numbers?order_by=value&per_page=1', 'values'],
  ['a whole list', '/numbers', 'members'],
  ['a whole list, compressed', '/numbers?links=true', 'members'],
] as const)(
  'ends %s when the client disconnects, and starts none of its pipelined requests',
  async ([, path, what]) => {
    const socket = await open();
    const coding = path.includes('links') ? { 'Accept-Encoding': 'zstd' } : {};
    socket.write(get(path, { ...KEEP_ALIVE, ...coding }).repeat(20));
    await until(() => read[what] > 0);
    socket.destroy();
    expect((await settled())[what]).toBeLessThan(LENGTH);
    expect(server.routed).toHaveLength(1);
  },
);

test('ends an export when the client disconnects', async () => {
  const socket = await open();
  socket.write(get('/numbers', { Accept: 'text/csv' }));
  await once(socket, 'data');
  socket.destroy();
  expect((await settled()).members).toBeLessThan(LENGTH);
});

test('generates an export no faster than the client reads', async () => {
  const socket = await open();
  socket.pause();
  socket.write(get('/numbers', { Accept: 'text/csv' }));
  await until(() => read.members > 0);
  const { members } = await settled();
  expect(members).toBeLessThan(LENGTH);
  socket.destroy();
});

test('serves other requests while a search runs', async () => {
  const socket = await open();
  socket.write(get('/numbers?search=*1*2*3*&per_page=1'));
  await until(() => read.names > 0);
  expect((await talk(server.port, get('/repositories/group%2Fapp'))).status).toBe(200);
  expect((await talk(server.port, get('/health/live'))).status).toBe(200);
  expect(read.names).toBeLessThan(LENGTH);
  socket.destroy();
});

test('answers 503 with Retry-After when a user has too much work in the queue', async () => {
  const sockets = await Promise.all(Array.from({ length: 40 }, open));
  const first = Promise.race(sockets.map((socket) => once(socket, 'data')));
  for (const [i, socket] of sockets.entries()) socket.write(get(`/numbers?search=${i}*&per_page=1`));
  const { status, headers } = parseResponse(String((await first)[0]));
  for (const socket of sockets) socket.destroy();
  expect([status, headers['retry-after']]).toEqual([503, '5']);
  expect((await settled()).names).toBeLessThan(LENGTH);
});
