import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chosenContentCoding, encoding } from '../../../src/http/bodies/content-coding.ts';
import { emptySnapshot, sampleRepository, sampleTag } from '../../support/sample-snapshot.ts';
import { createTestServer } from '../../support/server.ts';

const DECODE = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
const repositories = Array.from({ length: 2000 }, (_, i) =>
  sampleRepository(`group/app-${i}`, i, i, [sampleTag('1', i, i)]),
);
const latest = { ...emptySnapshot(0), repositories };
const { server } = createTestServer({ snapshots: { latest: () => latest }, corsOrigins: ['https://page.example'] });

beforeAll(async () => {
  await server.ready();
});

afterAll(() => server.close());

async function ask(path: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') {
  const all = { authorization: 'Bearer good', ...headers };
  const {
    statusCode,
    headers: answered,
    rawPayload,
  } = await server.inject({ method, url: `/usage${path}`, headers: all });
  return { status: statusCode, headers: answered, bytes: rawPayload };
}

const TREE = '/repositories?embed=true';

describe('a response', () => {
  test('has the same content in each coding that the client accepts', async () => {
    const plain = await ask(TREE);
    expect(plain.headers['content-encoding']).toBeUndefined();
    const etags = new Set([plain.headers.etag]);
    for (const [coding, decode] of Object.entries(DECODE)) {
      const { status, headers, bytes } = await ask(TREE, { 'accept-encoding': coding });
      expect([status, headers['content-encoding'], headers['content-type']]).toEqual([
        200,
        coding,
        'application/hal+json',
      ]);
      expect(decode(bytes).equals(plain.bytes), coding).toBe(true);
      expect(bytes.length).toBeLessThan(plain.bytes.length / 5);
      expect(headers.etag).toMatch(/^"[^"]+"$/);
      etags.add(headers.etag);
    }
    expect(etags.size).toBe(4);
  });

  test('has the same bytes when it is repeated, also at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => ask(TREE, { 'accept-encoding': 'br' })));
    for (const { bytes } of all) expect(bytes.equals(all[0]?.bytes ?? Buffer.alloc(0))).toBe(true);
  });

  test('is 304 for the ETag of the same coding, and complete for the ETag of another one', async () => {
    const { etag = '' } = (await ask(TREE, { 'accept-encoding': 'gzip' })).headers;
    const known = { 'if-none-match': etag };
    const same = await ask(TREE, { ...known, 'accept-encoding': 'gzip' });
    expect([same.status, same.bytes.length, same.headers.etag]).toEqual([304, 0, etag]);
    expect(same.headers['content-encoding']).toBeUndefined();
    expect(same.headers['cache-control']).toBe('private, no-cache');
    expect((await ask(TREE, { ...known, 'accept-encoding': 'br' })).status).toBe(200);
    expect((await ask(TREE, known)).status).toBe(200);
  });

  test('to HEAD has the headers of GET, and no body', async () => {
    for (const coding of ['gzip', 'br', 'zstd', 'identity']) {
      const [get, head] = [
        await ask(TREE, { 'accept-encoding': coding }),
        await ask(TREE, { 'accept-encoding': coding }, 'HEAD'),
      ];
      expect(head.bytes).toHaveLength(0);
      for (const name of ['etag', 'vary', 'content-encoding', 'content-length', 'content-type', 'cache-control'])
        expect(head.headers[name], `${coding}: ${name}`).toBe(get.headers[name]);
    }
  });

  test('is not encoded if it is short, and has the same Vary header', async () => {
    const { headers } = await ask('/gaps', { 'accept-encoding': 'gzip', origin: 'https://page.example' });
    expect(headers['content-encoding']).toBeUndefined();
    expect(headers.vary).toBe('Origin, Accept, Accept-Encoding, Authorization');
    const none = await ask('/repositories/none', { 'accept-encoding': 'gzip' });
    expect([none.status, none.headers['content-encoding']]).toEqual([404, undefined]);
  });
});

test('chooses the coding that the client prefers, the fastest of equals, or none', () => {
  for (const [header, coding] of Object.entries({
    'gzip, deflate': 'gzip',
    'gzip, deflate, br': 'br',
    'gzip, deflate, br, zstd': 'zstd',
    'GZIP;q=1.0, br;q=0.9, zstd;q=0': 'gzip',
    '*': 'br',
    '*;q=0.5, zstd;q=0, gzip;q=0.1': 'br',
    'gzip;q=0.5, identity;q=0.6': undefined,
    'gzip;q=0.5, identity;q=0.5': 'gzip',
    'gzip;q=0': undefined,
    'gzip;q=nonsense': undefined,
    'identity;q=0': undefined,
    'deflate, compress': undefined,
    '': undefined,
    ', ;;=,': undefined,
  })) {
    expect(chosenContentCoding(header), header).toBe(coding);
  }
  expect(chosenContentCoding(undefined)).toBeUndefined();
});

test.for(['gzip', 'br', 'zstd'] as const)(
  'a %s stream that fails before it is read passes the error to its later reader only',
  async (coding) => {
    const stream = encoding(broken(), coding);
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(stream.toArray()).rejects.toThrow('broken');
  },
);

// biome-ignore lint/correctness/useYield: it throws before its first part
async function* broken(): AsyncGenerator<Buffer, void> {
  throw new Error('broken');
}
