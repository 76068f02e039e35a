import { afterEach, expect, test } from 'vitest';
import type { Digest, RepositoryName } from '../../src/domain/names.ts';
import { connect } from '../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

/* How the client finds out whether a registry stores a blob, and how large it is, if HEAD and GET differ. */

const repository = 'group/app' as RepositoryName;
const digest = `sha256:${'a'.repeat(64)}` as Digest;
const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Asks a registry that answers these two requests, for a blob that a manifest says has 100 bytes. Returns the answer, and the methods. */
async function ask(head: Answer, get: Answer): Promise<{ bytes: unknown; methods: readonly string[] }> {
  const server: StandIn = await startStandIn(({ method }, { pathname }) => {
    if (pathname === '/v2/') return { body: {} };
    return method === 'HEAD' ? head : get;
  });
  cleanups.push(server.stop);
  const bytes = await connect(server.url)
    .blobBytes(repository, digest, signal, 100)
    .catch(({ kind }: { kind: unknown }) => kind);
  return { bytes, methods: server.requests.filter(({ url }) => url.includes('/blobs/')).map(({ method }) => method) };
}

const length = (bytes: number): Answer => ({ headers: { 'content-length': String(bytes) } });
const range = (total: number): Answer => ({
  status: 206,
  body: 'x',
  headers: { 'content-range': `bytes 0-0/${total}` },
});
const absent: Answer = { status: 404, body: { errors: [{ code: 'BLOB_UNKNOWN' }] } };

test.each<{ what: string; head: Answer; get?: Answer; bytes: unknown }>([
  { what: 'HEAD states the expected length', head: length(100), bytes: 100 },
  { what: 'HEAD does not find a blob that GET finds', head: { status: 404 }, get: range(100), bytes: 100 },
  { what: 'neither finds it', head: { status: 404 }, get: absent, bytes: undefined },
  { what: 'HEAD states another length than GET', head: length(0), get: range(100), bytes: 100 },
  { what: 'both state another length than expected', head: length(40), get: range(40), bytes: 40 },
  {
    what: 'the stored blob is empty, so that it has no first byte',
    head: length(0),
    get: { status: 416, headers: { 'content-range': 'bytes */0' } },
    bytes: 0,
  },
  { what: 'HEAD does not find it and GET fails', head: { status: 404 }, get: { status: 501 }, bytes: 'unreadable' },
])('returns $bytes if $what', async ({ head, get, bytes }) => {
  const answer = await ask(head, get ?? absent);
  expect(answer.bytes).toBe(bytes);
  expect(answer.methods).toEqual(get === undefined ? ['HEAD'] : ['HEAD', 'GET']);
});

test('reads the length, but not the body, if the registry ignores the range', async () => {
  const big = Buffer.alloc(5_000_000);
  const { bytes } = await ask({ status: 404 }, { body: big, headers: { 'content-length': String(big.length) } });
  expect(bytes).toBe(big.length);
});
