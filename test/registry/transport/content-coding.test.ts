import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName } from '../../../src/domain/names.ts';
import { connect, found } from '../../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../../support/stand-in.ts';

/* Servers and proxies that compress responses although the client does not ask for it. */

const repository = 'group/app' as RepositoryName;
const { signal } = new AbortController();
const servers: StandIn[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

/** A registry and GitLab with a token service, whose responses are all changed by `change`. */
async function standIn(answers: Readonly<Record<string, Answer>>, change: (body: Buffer) => Answer): Promise<StandIn> {
  const server = await startStandIn((request, url) => {
    const realm = `Bearer realm="http://${request.headers.host}/jwt/auth",service="lab"`;
    const answer = answers[url.pathname] ?? { status: 404 };
    const isAllowed = /^\/(jwt|api)\//.test(url.pathname) || request.headers.authorization !== undefined;
    const {
      status = 200,
      headers = {},
      body,
    } = isAllowed
      ? answer
      : { status: 401, headers: { 'www-authenticate': realm }, body: { errors: [{ code: 'UNAUTHORIZED' }] } };
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body ?? {}));
    const changed = change(bytes);
    return { status, body: changed.body, headers: { ...headers, ...changed.headers } };
  });
  servers.push(server);
  return server;
}

const coded = (coding: string, compress: (body: Buffer) => Buffer) => (body: Buffer) => ({
  body: compress(body),
  headers: { 'content-encoding': coding },
});

const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPES.ociIndex,
    manifests: [],
  }),
);
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}` as Digest;

const CODINGS: readonly (readonly [string, (body: Buffer) => Answer])[] = [
  ['gzip', coded('gzip', gzipSync)],
  ['x-gzip in capitals', coded('X-GZIP', gzipSync)],
  ['deflate', coded('deflate', deflateSync)],
  ['deflate without the zlib header', coded('deflate', deflateRawSync)],
  ['br', coded('br', brotliCompressSync)],
  ['zstd', coded('zstd', zstdCompressSync)],
  ['gzip twice', coded('gzip, gzip', (body) => gzipSync(gzipSync(body)))],
  ['identity', coded('identity', (body) => body)],
  ['a header but no compression', coded('gzip', (body) => body)],
];

test.each(CODINGS)('reads lists, manifests, tokens and answers of GitLab with %s', async (_, change) => {
  const manifestAnswer = { body: manifest, headers: { 'content-type': MANIFEST_TYPES.ociIndex } };
  const server = await standIn(
    {
      '/v2/': {},
      '/jwt/auth': { body: { token: 'opaque' } },
      '/v2/_catalog': { body: { repositories: [repository] } },
      [`/v2/${repository}/tags/list`]: { body: { tags: ['v1'] } },
      [`/v2/${repository}/manifests/${digest}`]: manifestAnswer,
      '/api/v4/groups/group/registry/repositories': { body: [{ path: 'group/lib' }] },
    },
    change,
  );
  const options = { username: 'crawler', accessToken: 'very-secret' };
  const registry = connect(server.url, options);
  expect(await found(registry)).toEqual([repository]);
  expect(await registry.tags(repository, signal)).toEqual([{ name: 'v1' }]);
  expect(await registry.manifest(repository, digest, signal)).toMatchObject({ digest, sizeBytes: manifest.length });
  const gitlab = { gitlabUrl: `${server.url}/`, discovery: 'gitlab', groups: ['group'] } as const;
  expect(await found(connect(server.url, { ...options, ...gitlab }))).toEqual(['group/lib']);
});

test('shows the error of a compressed response', async () => {
  const body = { errors: [{ code: 'UNKNOWN', message: 'the disk is full' }] };
  const path = `/v2/${repository}/tags/list`;
  const server = await standIn(
    { '/v2/': {}, '/jwt/auth': { body: { token: 'x' } }, [path]: { status: 418, body } },
    coded('gzip', gzipSync),
  );
  await expect(connect(server.url).tags(repository, signal)).rejects.toMatchObject({
    registryCode: 'UNKNOWN',
    registryMessage: 'the disk is full',
  });
});

test('counts the decompressed bytes of a manifest and of a list', async () => {
  const zeros = (mebibytes: number): Answer => ({ body: Buffer.alloc(mebibytes * 1024 * 1024, ' ') });
  const server = await standIn(
    {
      '/v2/': {},
      '/jwt/auth': { body: { token: 'opaque' } },
      [`/v2/${repository}/tags/list`]: zeros(65),
      [`/v2/${repository}/manifests/${digest}`]: zeros(9),
    },
    coded('gzip', gzipSync),
  );
  const registry = connect(server.url);
  await expect(registry.manifest(repository, digest, signal)).rejects.toMatchObject({
    kind: 'unreadable',
    reason: 'the manifest is larger than 8 MiB',
  });
  await expect(registry.tags(repository, signal)).rejects.toMatchObject({
    kind: 'unreadable',
    reason: 'no response: UND_ERR_RES_EXCEEDED_MAX_SIZE',
  });
  // A retry would fail the same way.
  const lists = server.requests.filter(({ url, authorization }) => url.includes('/tags/list') && authorization);
  expect(lists).toHaveLength(1);
});

test('takes no length of a compressed response for that of a blob', async () => {
  const isRange = (request: IncomingMessage): boolean => request.headers.range !== undefined;
  let lengthOfRange = '500';
  const server = await startStandIn((request, url) => {
    if (url.pathname === '/v2/') return {};
    // Apache compresses nothing, and states its length.
    if (request.method === 'HEAD') return { headers: { 'content-encoding': 'gzip', 'content-length': '20' } };
    return isRange(request)
      ? { status: 206, body: 'x', headers: { 'content-range': `bytes 0-0/${lengthOfRange}` } }
      : { status: 404 };
  });
  servers.push(server);
  const registry = connect(server.url);
  expect(await registry.blobBytes(repository, digest, signal)).toBe(500);
  lengthOfRange = '*';
  await expect(registry.blobBytes(repository, digest, signal)).rejects.toMatchObject({ kind: 'unreadable' });
});
