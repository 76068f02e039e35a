import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { makeCertificate } from '../../../lab/certificate.ts';
import { makeDirectory, removeDirectory } from '../../../lab/temporary.ts';
import type { Digest, RepositoryName } from '../../../src/domain/names.ts';
import { connect, found } from '../../support/registry-client.ts';
import { type StandIn, startStandIn } from '../../support/stand-in.ts';

/* A plain http URL of a registry that redirects everything to https at the same host. */

const { signal } = new AbortController();
const USER = { username: 'crawler', accessToken: 'secret' };
const BASIC = `Basic ${Buffer.from('crawler:secret').toString('base64')}`;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Redirected {
  readonly plain: StandIn;
  readonly httpsUrl: string;
  readonly ca: string;
}

async function startHttps(listener: RequestListener): Promise<{ readonly httpsUrl: string; readonly ca: string }> {
  const directory = makeDirectory('https-redirect');
  cleanups.push(() => removeDirectory(directory));
  const { certificate, key } = await makeCertificate(directory, ['IP:127.0.0.1']);
  const server: Server = createServer({ cert: certificate, key }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const httpsUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { httpsUrl, ca: certificate };
}

async function startRedirected(kind: 'Basic' | 'Bearer'): Promise<Redirected> {
  const { httpsUrl, ca } = await startHttps(({ url = '', headers }, response) => {
    const { authorization } = headers;
    const isToken = url.startsWith('/auth');
    const wanted = isToken || kind === 'Basic' ? BASIC : 'Bearer tok';
    const challenge = kind === 'Basic' ? 'Basic realm="x"' : `Bearer realm="${httpsUrl}/auth",service="x"`;
    if (authorization !== wanted) return response.writeHead(401, { 'www-authenticate': challenge }).end();
    if (isToken) return response.end(JSON.stringify({ token: 'tok' }));
    return response.end(JSON.stringify(url.includes('_catalog') ? { repositories: ['a'] } : { tags: ['v1'] }));
  });
  const plain = await startStandIn(({ url }) => ({ status: 301, headers: { location: httpsUrl + url } }));
  cleanups.push(plain.stop);
  return { plain, httpsUrl, ca };
}

test.each(['Basic', 'Bearer'] as const)(
  'reads a registry with %s whose http URL redirects to https, says so, and sends no credentials over http',
  async (kind) => {
    const { plain, httpsUrl, ca } = await startRedirected(kind);
    const told: string[] = [];
    const client = connect(plain.url, { ...USER, ca, onHttpsRedirect: (url) => told.push(url) });
    expect(await found(client)).toEqual(['a']);
    expect(await client.tags('a' as RepositoryName, signal)).toEqual([{ name: 'v1' }]);
    expect(told).toEqual([`${httpsUrl}/`]);
    expect(plain.requests.map(({ url, authorization }) => [url, authorization])).toEqual([['/v2/', undefined]]);
  },
);

test('sends no credentials to a blob store at https of the same host', async () => {
  const seen: unknown[] = [];
  const { httpsUrl, ca } = await startHttps(({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(200, { 'content-length': '7' }).end();
  });
  const registry = await startStandIn(({ headers, url = '' }) => {
    if (headers.authorization !== BASIC) return { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
    return url.includes('/blobs/') ? { status: 307, headers: { location: `${httpsUrl}/bucket/7?signature=x` } } : {};
  });
  cleanups.push(registry.stop);
  const digest = `sha256:${'a'.repeat(64)}` as Digest;
  expect(await connect(registry.url, { ...USER, ca }).blobBytes('a' as RepositoryName, digest, signal, 7)).toBe(7);
  expect(seen).toEqual([undefined]);
});
