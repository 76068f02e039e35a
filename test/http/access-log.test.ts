import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Principal } from '../../src/ports.ts';
import { emptySnapshot, sampleRepository } from '../support/sample-snapshot.ts';
import { createTestServer } from '../support/server.ts';

/* Uses a socket, because the test counts bytes; the log is written as the service writes it, one JSON object on each line. */

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const written: string[] = [];
const log = pino({ base: null, level: 'debug' }, { write: (line: string) => void written.push(line) });
/** More than the buffers of a connection hold if the client does not read. */
const repositories = Array.from({ length: 50_000 }, (_, i) => sampleRepository(`group/app-${i}`, 1, 1, []));
const snapshot = { ...emptySnapshot(0), repositories };
const asked = Promise.withResolvers<void>();
const directory = {
  authenticate() {
    asked.resolve();
    return new Promise<Principal>(() => undefined);
  },
};
const { server } = createTestServer({ log, directory, snapshots: { latest: () => snapshot } });
let port = 0;

beforeAll(async () => {
  port = Number(new URL(await server.listen({ host: '127.0.0.1', port: 0 })).port);
});

afterAll(() => server.close());

/** Sends the text in Latin-1, and returns all that is received until the connection ends. */
async function talk(text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  const answer = socket.toArray();
  socket.write(text, 'latin1');
  return (await answer).join('');
}

/** Requests a path with these header lines, and returns the response and its line in the log. */
async function ask(path: string, ...head: readonly string[]) {
  const others = 'X-Forwarded-For ignored'; // logged once, for the first request
  const lines = () => written.filter((text) => !text.endsWith(`"msg":"${others}"}\n`));
  const before = lines().length;
  const answer = await talk([`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...head, '', ''].join('\r\n'));
  await expect.poll(() => lines().length).toBe(before + 1);
  const line = lines()[before] ?? '';
  expect(line.trimEnd().split('\n'), 'one line').toHaveLength(1);
  const [start = '', body = ''] = answer.split('\r\n\r\n');
  const id = /^x-request-id: (.*)$/im.exec(start)?.[1] ?? '';
  return { answer, body, id, fields: JSON.parse(line) };
}

test('logs the user, the request and its outcome', async () => {
  const { answer, id, fields } = await ask(
    '/usage/gaps?token=secret',
    'Authorization: Bearer good',
    'User-Agent: curl/8',
  );
  expect(fields).toEqual({
    level: 30,
    time: expect.any(Number),
    msg: 'request',
    id,
    user: 'alice',
    ip: '127.0.0.1',
    method: 'GET',
    path: '/usage/gaps',
    status: 200,
    route: '/gaps',
    bytes: Buffer.byteLength(answer, 'latin1'),
    ms: expect.any(Number),
    agent: 'curl/8',
  });
  expect(id).toMatch(UUID);
});

test('counts the bytes of each response of a connection', async () => {
  const before = written.length;
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  const lengths: number[] = [];
  for (const path of ['/usage/', '/usage/none', '/usage/']) {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [string];
    lengths.push(answer.length);
  }
  socket.destroy();
  await expect.poll(() => written.length).toBe(before + 3);
  expect(written.slice(before).map((line) => JSON.parse(line).bytes)).toEqual(lengths);
});

test('a client cannot forge a line, control a terminal, or fill the log', async () => {
  const forged = '{"level":30,"msg":"request","status":200}';
  const { fields } = await ask(
    `/usage/%0a%1b${forged}${'x'.repeat(5000)}`,
    `User-Agent: a\t"}\x9b31m\x85\xad${forged}${'y'.repeat(5000)}`,
    'X-Request-Id: one two',
    'X-Forwarded-For: 1.2.3.4',
  );
  expect(fields.path).toMatch(/^\/usage\/%0a%1b\{"level":30.*x+…$/);
  expect(fields.path).toHaveLength(1025);
  expect(fields.agent).toMatch(/^a\ufffd"\}\ufffd31m\ufffd\ufffd\{"level":30.*y+…$/);
  expect(fields.agent).toHaveLength(257);
  expect([fields.id, fields.ip]).toEqual([expect.stringMatching(UUID), '127.0.0.1']);
  expect(fields.route).toBeUndefined();
});

test('refuses a path with control characters before it can be logged', async () => {
  for (const path of ['/usage/\x1b[2J', '/usage/\x85', '/usage/\x9b2J', '/usage/\n{}']) {
    expect(await talk(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`), path).toMatch(/^HTTP\/1\.1 400 /);
  }
});

test('logs one line for each request on a terminal too', async () => {
  const terminal = new PassThrough();
  const lines = terminal.setEncoding('utf8').toArray();
  const stream = pretty({ destination: terminal, colorize: true, singleLine: true });
  const { fields } = await ask('/usage/', 'User-Agent: \x85\x9b2J');
  pino({ base: null }, stream).info(fields, 'request');
  stream.end();
  const text = (await lines).join('');
  expect(text.trimEnd().split('\n')).toHaveLength(1);
  expect(text).not.toMatch(/[\u0080-\u009f]/);
});

test('uses the request id of a proxy, also in the response and in problems', async () => {
  for (const given of [
    '0af7651916cd43dd8448eb211c80319c',
    'Root=1-67891233-abcdef012345678912345678',
    'a'.repeat(128),
  ]) {
    const { id, fields, body } = await ask('/usage/none', `X-Request-Id: ${given}`);
    expect([id, fields.id, JSON.parse(body).instance]).toEqual([given, given, `#${given}`]);
    expect(new URL(JSON.parse(body).instance, 'http://x/').hash).toBe(`#${given}`);
  }
});

test('replaces a request id that is too long or has other characters', async () => {
  for (const given of ['a'.repeat(129), 'one two', 'a"b', 'a\\nb', 'ä', '<x>', 'a#b', '', 'a\r\nX-Request-Id: b']) {
    const { answer, id } = await ask('/usage/', `X-Request-Id: ${given}`);
    expect(id, given).toMatch(UUID);
    expect(answer.match(/^x-request-id:/gim)).toHaveLength(1);
  }
});

test('logs successful requests for routine paths at the level debug', async () => {
  expect((await ask('/usage/health/ready')).fields.level).toBe(20);
  expect((await ask('/usage/metrics')).fields.level).toBe(20);
  expect((await ask('/usage/')).fields.level).toBe(30);
  expect((await ask('/usage/gaps')).fields.level).toBe(30);
});

/** Sends the request, closes the connection as soon as `isTime` resolves, and returns the line in the log. */
async function breakOff(head: string, isTime: (socket: Socket) => Promise<unknown>) {
  const before = written.length;
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${head}\r\nHost: x\r\n\r\n`);
  await isTime(socket);
  socket.resetAndDestroy();
  await expect.poll(() => written.length).toBe(before + 1);
  return JSON.parse(written[before] ?? '');
}

test('marks a response that the client did not receive completely', async () => {
  const head = '/usage/repositories?embed=1 HTTP/1.1\r\nAuthorization: Bearer good';
  const fields = await breakOff(head, (socket) => once(socket, 'data'));
  expect(fields).toMatchObject({ status: 200, path: '/usage/repositories', isCutOff: true });
});

test('logs a request whose client disconnects before the response', async () => {
  const fields = await breakOff(
    `/usage/auth_token HTTP/1.1\r\nAuthorization: Basic ${btoa('a:b')}`,
    () => asked.promise,
  );
  expect(fields).toMatchObject({ status: 499, path: '/usage/auth_token', isCutOff: true });
});
