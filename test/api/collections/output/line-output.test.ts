import { hash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csvLine } from '../../../../src/api/collections/output/csv.ts';
import { toLines } from '../../../../src/api/collections/output/line-output.ts';
import { chosenFormat } from '../../../../src/api/collections/output/output-format.ts';
import { TIMEOUTS } from '../../../../src/http/listener.ts';
import { get, talk } from '../../../support/raw-http.ts';
import { type ListeningServer, startTestServer } from '../../../support/server.ts';
import { parseCsv } from '../../../support/strict-csv.ts';
import { JOB, workOf } from '../../../support/work.ts';

const TAGS = 20_000;
let front: ListeningServer;

beforeAll(async () => {
  front = await startTestServer({ tagsCount: TAGS });
});

afterAll(() => front.close());

/** Returns the body as it arrived, since fetch would decompress it. */
async function ask(path: string, headers: Readonly<Record<string, string>>, method = 'GET') {
  const sent = request({
    host: '127.0.0.1',
    port: front.port,
    path: `/usage${path}`,
    method,
    headers: { authorization: 'Bearer good', ...headers },
  }).end();
  const [answer] = await once(sent, 'response');
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part);
  return { status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(parts) };
}

const CSV = { accept: 'text/csv' };

describe('GET /tags', () => {
  test('returns all tags as CSV, one line each, with their repository', async () => {
    const { status, headers, bytes } = await ask('/tags', CSV);
    expect([status, headers['content-type'], headers['transfer-encoding']]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
      'chunked',
    ]);
    const [columns, ...records] = parseCsv(bytes.toString());
    expect(columns?.slice(0, 4)).toEqual(['repository', 'name', 'size', 'disk_size']);
    expect(records).toHaveLength(TAGS);
    expect(new Set(records.map(([repository, name]) => `${repository}:${name}`)).size).toBe(TAGS);
  });

  test('returns the same lines compressed', async () => {
    const plain = await ask('/tags', { accept: 'application/x-ndjson' });
    const etags = new Set([plain.headers.etag]);
    for (const [coding, decode] of Object.entries({
      gzip: gunzipSync,
      br: brotliDecompressSync,
      zstd: zstdDecompressSync,
    })) {
      const { headers, bytes } = await ask('/tags', { accept: 'application/x-ndjson', 'accept-encoding': coding });
      expect(headers['content-encoding']).toBe(coding);
      expect(bytes.length).toBeLessThan(plain.bytes.length / 5);
      expect(decode(bytes).equals(plain.bytes), coding).toBe(true);
      etags.add(headers.etag);
    }
    expect(etags.size).toBe(4);
  });

  test('returns 304 for a current validator, and the headers of GET for HEAD', async () => {
    const { headers } = await ask('/tags', CSV);
    const again = await ask('/tags', { ...CSV, 'if-none-match': headers.etag });
    expect([again.status, again.bytes.length, again.headers.etag]).toEqual([304, 0, headers.etag]);
    const others = [
      await ask('/tags?search=1', CSV),
      await ask('/tags', { accept: 'application/x-ndjson' }),
      await ask('/tags?page=1', CSV),
      await ask('/repositories', CSV),
    ];
    expect(new Set([headers.etag, ...others.map((one) => one.headers.etag)]).size).toBe(5);
    const head = await ask('/tags', CSV, 'HEAD');
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    for (const name of ['etag', 'content-type', 'vary', 'cache-control']) {
      expect(head.headers[name], name).toBe(headers[name]);
    }
    expect(headers.vary).toBe('Origin, Accept, Accept-Encoding, Authorization');
  });

  test('returns pages of 100 tags as HAL', async () => {
    const body = JSON.parse((await talk(front.port, get('/tags?embed=1&links=true'))).body);
    expect(body).toMatchObject({ tags_count: TAGS, page: 1, per_page: 100, total: TAGS, total_pages: TAGS / 100 });
    expect(body._embedded.items).toHaveLength(100);
    expect(body._embedded.items[0]).toMatchObject({ repository: 'group/app', name: '0' });
    expect(body._links.items[0]).toEqual({
      href: '/usage/repositories/group%2Fapp/tags/0',
      title: 'group/app:0',
    });
  });
});

test('generates lines only as they are read, and yields to the event loop in between', async () => {
  let made = 0;
  const lineAt = (position: number) => {
    made = position + 1;
    return { name: 'x'.repeat(100) };
  };
  const positions = Uint32Array.from({ length: 100_000 }, (_, i) => i);
  const { content } = toLines({ columns: ['name'], lineAt }, positions, { format: 'csv', etag: '', work: workOf() });
  const stream = (content(undefined, JOB) as { open(): Readable }).open();
  expect(made).toBe(0);
  let turns = 0;
  let isDone = false;
  const others = (async () => {
    for (; !isDone; turns++) await turn();
  })();
  let parts = 0;
  for await (const part of stream) {
    // One part has been read, and the next one is generated ahead.
    expect(made).toBeLessThan((++parts + 2) * 700);
    expect((part as Buffer).length).toBeLessThan(100_000);
  }
  isDone = true;
  await others;
  expect(made).toBe(100_000);
  expect(parts).toBeGreaterThan(100);
  expect(turns).toBeGreaterThan(parts / 2);
});

test.for(['gzip', 'br', 'zstd'] as const)(
  'compresses lines as %s only as they are read, and stops when the client is gone',
  async (coding) => {
    let made = 0;
    const lineAt = (position: number) => {
      made++;
      return { name: hash('sha512', String(position)) };
    };
    const positions = Uint32Array.from({ length: 100_000 }, (_, i) => i);
    const { content } = toLines({ columns: ['name'], lineAt }, positions, {
      format: 'ndjson',
      etag: '',
      work: workOf(),
    });
    const stream = (content(coding, JOB) as { open(): Readable }).open();
    await once(stream, 'readable');
    const settled = async () => {
      for (let before = -1; before < made; ) {
        before = made;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      return made;
    };
    const ahead = await settled();
    expect(ahead).toBeLessThan(20_000);
    stream.destroy();
    expect(await settled()).toBe(ahead);
  },
);

test('closes the connection of a client that stops reading, and serves others meanwhile', async () => {
  const stalling = await startTestServer({ http: { timeouts: { ...TIMEOUTS, stalledMs: 300 } }, tagsCount: 60_000 });
  try {
    const socket = connect({ port: stalling.port, host: '127.0.0.1' }).on('error', () => undefined);
    const cutOff = new Promise((resolve) =>
      stalling.server.server.once('connection', (other) => other.once('close', resolve)),
    );
    socket.pause().write(get('/tags?links=true', { Accept: 'application/x-ndjson' }));
    await cutOff;
    expect((await talk(stalling.port, get('/repositories'))).status).toBe(200);
    socket.destroy();
  } finally {
    await stalling.close();
  }
});

test('chooses the format that Accept prefers, and HAL if it accepts none', () => {
  for (const [header, form] of Object.entries({
    'text/csv': 'csv',
    'Text/CSV; header=present': 'csv',
    'application/x-ndjson': 'ndjson',
    'application/ndjson': 'ndjson',
    'text/csv;q=0.5, application/x-ndjson;q=0.6': 'ndjson',
    'text/csv, application/x-ndjson': 'ndjson',
    'text/csv, */*': 'csv',
    'text/csv, */*;q=0.1': 'csv',
    'text/csv;q=0.5, */*': 'hal',
    'text/csv;q=0': 'hal',
    'text/csv;q=0.9, application/json;q=0.8': 'csv',
    'application/json, text/csv': 'hal',
    'application/json, text/plain, */*': 'hal',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8': 'hal',
    'application/*': 'hal',
    'application/hal+json;q=0, application/*': 'hal',
    'text/*': 'csv',
    undefined: 'hal',
    'image/png': 'hal',
    '*/*;q=0': 'hal',
    '': 'hal',
  })) {
    expect(chosenFormat(header), header).toBe(form);
  }
  expect(chosenFormat(undefined)).toBe('hal');
});

test('returns HAL for a resource that is not a list, and a problem document for an error', async () => {
  const one = await ask('/repositories/group%2Fapp', CSV);
  expect([one.status, one.headers['content-type']]).toEqual([200, 'application/hal+json']);
  const none = await ask('/repositories/none/tags', CSV);
  expect([none.status, none.headers['content-type']]).toEqual([404, 'application/problem+json']);
});

test('quotes a CSV field if necessary, and disarms formulas', () => {
  const fields = {
    a: null,
    b: [],
    c: ['x', 'y'],
    d: true,
    e: -1,
    f: 'say "x", or\r\ny',
    g: '=1+1',
    h: '@x,y',
    i: 'a=b',
  };
  const line = csvLine(Object.keys(fields), fields);
  expect(line).toBe(`,,x y,true,-1,"say ""x"", or\r\ny",'=1+1,"'@x,y",a=b\r\n`);
  for (const first of '=+-@\t\r') expect(csvLine(['a'], { a: `${first}1` })).toMatch(/^"?'/);
});
