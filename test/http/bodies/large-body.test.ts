import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { fastify } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Body } from '../../../src/http/bodies/body.ts';
import { type BodyCache, createBodyCache } from '../../../src/http/bodies/body-cache.ts';
import type { ContentCoding } from '../../../src/http/bodies/content-coding.ts';
import { jsonInSteps, LazyArray, lazyArrayOf, PART_LENGTH } from '../../../src/http/bodies/json-stream.ts';
import { sendBody } from '../../../src/http/bodies/send-body.ts';
import { runToEnd } from '../../../src/lib/resumable.ts';
import { emptySnapshot, sampleRepository, sampleTag } from '../../support/sample-snapshot.ts';
import { createTestServer } from '../../support/server.ts';
import { JOB, workOf } from '../../support/work.ts';

const DECODE = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
/** The bodies of one visibility. */
const bodiesOf = (capacityBytes?: number) => bodiesIn(createBodyCache(workOf(), capacityBytes), 'all');

function bodiesIn(cache: BodyCache, visibility: string) {
  const bodies = cache.visibleTo(visibility);
  return (key: string, represent: () => object): Body => runToEnd(bodies.build(key, represent));
}

const textIn = (representation: unknown): string =>
  Buffer.concat([...jsonInSteps(representation)].filter((part) => part !== undefined)).toString();

const CODINGS: readonly (ContentCoding | undefined)[] = [undefined, 'gzip', 'br', 'zstd'];

describe('jsonInSteps', () => {
  const value = fc.letrec((tie) => ({
    leaf: fc.jsonValue(),
    list: fc.array(tie('node'), { maxLength: 4 }).map((list) => lazyArrayOf(list, (one) => one)),
    object: fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(tie('node'), fc.constant(undefined)), { maxKeys: 4 }),
    node: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('object')),
  })).node;

  test('generates the text of JSON.stringify for any value', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(textIn(one)).toBe(JSON.stringify(one));
      }),
    );
  });

  test('makes no member of a list before it is written', () => {
    let made = 0;
    const list = new LazyArray(1000, function* () {
      for (; made < 1000; made++) yield 'x'.repeat(1000);
    });
    const parts = jsonInSteps({ _embedded: { items: list } });
    while (parts.next().value === undefined);
    expect(made).toBeLessThan(PART_LENGTH / 1000 + 2);
  });
});

describe('a large body', () => {
  const members = lazyArrayOf(
    Array.from({ length: 10_000 }, (_, i) => i),
    (i) => ({ name: `app-${i}`, size: i, note: 'x'.repeat(80) }),
  );
  const tree = { timestamp: 1, _embedded: { items: members } };
  const expected = Buffer.from(JSON.stringify(tree));

  test('is generated once in each coding, also for requests at the same time', async () => {
    let made = 0;
    const bodies = bodiesOf();
    const ask = (coding: ContentCoding | undefined) =>
      read(
        bodies('tree', () => ({ count: ++made && 1, ...tree })),
        coding,
      );
    const all = await Promise.all([...CODINGS, ...CODINGS, ...CODINGS].map(ask));
    expect(made).toBe(2); // once to find that it is large, and once to generate it
    const length = JSON.stringify({ count: 1, ...tree }).length;
    for (const { bytes, isMeasured } of all) expect([bytes.length, isMeasured]).toEqual([length, true]);
  });

  test('is generated for each request if there is no space for it', async () => {
    const bodies = bodiesOf(Math.floor(expected.length / 2));
    for (const coding of CODINGS) {
      const { bytes, isMeasured } = await read(
        bodies('tree', () => tree),
        coding,
      );
      expect([bytes.equals(expected), isMeasured], String(coding)).toEqual([true, false]);
    }
  });

  test('frees its space if there is not enough for the whole body', async () => {
    const bodies = bodiesOf(Math.floor(expected.length * 1.5));
    const small = bodies('small', () => ({ name: 'x'.repeat(expected.length / 8) }));
    await read(
      bodies('tree', () => tree),
      undefined,
    );
    expect(bodies('small', () => ({}))).toBe(small);
    for (const key of ['another', 'a third'])
      await read(
        bodies(key, () => tree),
        undefined,
      );
    expect(bodies('small', () => ({}))).not.toBe(small);
  });

  test('stays cached if there is no space for a coding of it', async () => {
    let made = 0;
    const bodies = bodiesOf(expected.length + 10_000);
    const body = (): Body => bodies('tree', () => ({ ...(made++ < 0 && {}), ...tree }));
    expect((await read(body(), undefined)).isMeasured).toBe(true);
    const before = made;
    expect((await read(body(), undefined)).isMeasured).toBe(true);
    expect(made).toBe(before);
  });

  test('frees its space after a failure, and is generated again', async () => {
    let isBroken = true;
    const broken = lazyArrayOf(members, (one) => {
      if (isBroken && one.size === 9000) throw new Error('broken');
      return one;
    });
    const body = bodiesOf(Math.floor(expected.length * 1.5))('tree', () => ({ broken }));
    for (let i = 0; i < 3; i++) await expect(body.content(undefined, JOB)).rejects.toThrow('broken');
    isBroken = false;
    expect((await read(body, undefined)).isMeasured).toBe(true);
  });

  test('is available in one piece unless it is very long', async () => {
    for (const [mebibytes, isWhole] of [
      [3, true],
      [9, false],
    ] as const) {
      const note = 'x'.repeat(1024);
      const list = lazyArrayOf(Array.from({ length: mebibytes * 1024 }), () => note);
      const content = await bodiesOf()('tree', () => ({ list })).content(undefined, JOB);
      if (typeof content === 'string' || Buffer.isBuffer(content)) throw new Error('it came as a short one');
      const read = Buffer.concat(await content.open().toArray());
      expect([content.whole !== undefined, content.length]).toEqual([isWhole, read.length]);
      if (isWhole) expect(content.whole?.equals(read)).toBe(true);
    }
  });

  test('is generated no further when all requests that wait for it have gone, and anew for the next one', async () => {
    let made = 0;
    const list = lazyArrayOf(members, (one) => {
      made++;
      return one;
    });
    const body = bodiesOf()('tree', () => ({ list }));
    const before = made;
    const [one, other] = [new AbortController(), new AbortController()];
    const gone = [one, other].map(({ signal }) => body.content(undefined, { key: 'bob', signal }));
    one.abort(new Error('gone'));
    other.abort(new Error('gone'));
    expect((await Promise.allSettled(gone)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await sleep(20);
    expect(made - before).toBeLessThan(members.length);
    expect((await read(body, undefined)).isMeasured).toBe(true);
  });

  test('goes on for the others when the request that started it has gone', async () => {
    const body = bodiesOf()('tree', () => tree);
    const starter = new AbortController();
    const first = body.content('gzip', { key: 'bob', signal: starter.signal });
    const second = read(body, 'gzip');
    starter.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect((await second).bytes.equals(expected)).toBe(true);
  });

  async function read(body: Body, coding: ContentCoding | undefined): Promise<{ bytes: Buffer; isMeasured: boolean }> {
    const content = await body.content(coding, JOB);
    if (typeof content === 'string') throw new Error('it came as a text');
    const raw = Buffer.isBuffer(content) ? content : Buffer.concat(await content.open().toArray());
    if (!Buffer.isBuffer(content))
      expect(content.whole?.equals(raw)).toBe(content.length === undefined ? undefined : true);
    if (content.length !== undefined) expect(raw.length).toBe(content.length);
    return { bytes: coding === undefined ? raw : DECODE[coding](raw), isMeasured: content.length !== undefined };
  }
});

test('two visibilities share neither a body nor an ETag, for small and large bodies', () => {
  const cache = createBodyCache(workOf());
  for (const note of ['small', 'x'.repeat(2 * PART_LENGTH)]) {
    const [ofAlice, ofBob, again] = ['alice', 'bob', 'alice'].map((visibility) =>
      bodiesIn(cache, visibility)(note, () => ({ note })),
    );
    expect(ofBob).not.toBe(ofAlice);
    expect(ofBob?.etag).not.toBe(ofAlice?.etag);
    expect(again).toBe(ofAlice);
  }
});

test('a body that fails when it is opened fails its request, and not the service', async () => {
  const server = fastify();
  const content = async () => ({
    length: undefined,
    open() {
      throw new Error('broken');
    },
  });
  server.get('/', (request, reply) => sendBody(request, reply, { etag: 'x', isShort: true, content }));
  expect((await server.inject('/')).statusCode).toBe(500);
});

describe('a large tree, over a socket', () => {
  const repositories = Array.from({ length: 200 }, (_, i) =>
    sampleRepository(
      `group/app-${i}`,
      i,
      i,
      Array.from({ length: 100 }, (_, t) => sampleTag(`t${t}`, t, t)),
    ),
  );
  const latest = { ...emptySnapshot(0), repositories };
  const { server } = createTestServer({ snapshots: { latest: () => latest } });
  let port = 0;

  beforeAll(async () => {
    await server.listen({ host: '127.0.0.1', port: 0 });
    port = (server.server.address() as AddressInfo).port;
  });

  afterAll(() => server.close());

  const ask = (headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const all = { authorization: 'Bearer good', ...headers };
      get({ port, method, path: '/usage/repositories?embed=true&links=true', headers: all }, resolve).once(
        'error',
        reject,
      );
    });

  test('has a Content-Length, also for HEAD', async () => {
    const answer = await ask();
    const bytes = await bytesOf(answer);
    expect(answer.headers['content-length']).toBe(String(bytes.length));
    expect(JSON.parse(bytes.toString())._embedded.items).toHaveLength(200);
    const head = await ask({}, 'HEAD');
    expect([head.statusCode, head.headers['content-length'], head.headers.etag]).toEqual([
      200,
      String(bytes.length),
      answer.headers.etag,
    ]);
    expect((await bytesOf(head)).length).toBe(0);
  });

  test('is 304 if the client has it', async () => {
    const { etag = '' } = (await ask()).resume().headers;
    expect((await ask({ 'if-none-match': etag })).resume().statusCode).toBe(304);
    expect((await ask({ 'if-none-match': etag, 'accept-encoding': 'br' })).resume().statusCode).toBe(200);
  });

  test('delays no other request while a client reads it slowly, and is complete', async () => {
    const slow = await ask();
    slow.pause();
    await sleep(50);
    const bytes = await bytesOf(await ask({ 'accept-encoding': 'gzip' }));
    expect((await bytesOf(slow)).equals(gunzipSync(bytes))).toBe(true);
  });

  async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part as Buffer);
    return Buffer.concat(parts);
  }
});
