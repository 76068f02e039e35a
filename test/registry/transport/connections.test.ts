import { lookup } from 'node:dns';
import type { RequestListener } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { type LabProxy, startProxy } from '../../../lab/proxy.ts';
import { type Served, serve, serveTls } from '../../../lab/serve.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../../../src/registry/transport/http-client.ts';
import { createLookup } from '../../../src/registry/transport/link-local.ts';
import { testCertificate } from '../../support/certificates.ts';
import { CLIENT_DEFAULTS } from '../../support/client-defaults.ts';

/* Ways to a server: through a proxy or not, and with a certificate of one's own or not. */

const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];
const server = testCertificate('first');
const client = testCertificate('second');

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function kept<T extends { stop(): Promise<void> }>(started: T): T {
  cleanups.push(started.stop);
  return started;
}

const says =
  (text: string): RequestListener =>
  (request, response) =>
    response.end(`${text} ${request.headers.host}${request.url}`);

const plain = async (): Promise<Served> => kept(await serve(says('plain')));
const secure = async (): Promise<Served> =>
  kept(await serveTls({ cert: server.certificate, key: server.key }, says('secure')));

function open(options: Partial<HttpOptions> = {}): HttpClient {
  const http = createHttpClient({
    ...CLIENT_DEFAULTS,
    concurrencyMin: 2,
    concurrencyMax: 4,
    timeoutMs: 5000,
    retries: 0,
    ca: server.certificate,
    ...options,
  });
  cleanups.push(http.close);
  return http;
}

async function get(http: HttpClient, url: string): Promise<string> {
  const answer = await http.send(new URL('/path?query=1', url), { method: 'GET', signal });
  return `${answer.status} ${answer.body}`;
}

const through = (proxy: LabProxy, noProxy = '') => ({ httpProxy: proxy.url, httpsProxy: proxy.url, noProxy });

test('requests the whole URL from a proxy for http, and a tunnel for https', async () => {
  const [proxy, web, safe] = [kept(await startProxy()), await plain(), await secure()];
  const http = open({ proxy: through(proxy) });
  const host = (url: string) => new URL(url).host;
  expect(await get(http, web.url)).toBe(`200 plain ${host(web.url)}/path?query=1`);
  expect(await get(http, safe.url)).toBe(`200 secure ${host(safe.url)}/path?query=1`);
  expect(proxy.requests).toEqual([`GET ${web.url}/path?query=1`, `CONNECT ${host(safe.url)}`]);
});

test("sends the credentials in a proxy's URL to the proxy and to no server", async () => {
  const proxy = kept(await startProxy('me:p@ss:w%rd'));
  const seen: unknown[] = [];
  const web = kept(
    await serve((request, response) => {
      seen.push(request.headers['proxy-authorization'], request.headers.authorization);
      response.end();
    }),
  );
  const url = proxy.url.replace('//', '//me:p%40ss%3Aw%25rd@');
  const http = open({ proxy: { httpProxy: url, httpsProxy: url, noProxy: '' } });
  expect(await get(http, web.url)).toBe('200 ');
  expect(await get(http, (await secure()).url)).toMatch(/^200 secure/);
  expect(seen).toEqual([undefined, undefined]);
});

test('fails without a retry if the proxy rejects the credentials, and does not show them', async () => {
  const proxy = kept(await startProxy('me:right'));
  const url = proxy.url.replace('//', '//me:wrong-secret@');
  const http = open({ retries: 6, proxy: { httpProxy: url, httpsProxy: url, noProxy: '' } });
  for (const target of [await plain(), await secure()]) {
    const failure = await get(http, target.url).catch((error: unknown) => error);
    expect(String(failure)).toBe(
      `RegistryError: no response: the proxy itself answered with status 407 (${target.url}/path)`,
    );
    expect(JSON.stringify(failure)).not.toContain('wrong-secret');
  }
  expect(proxy.requests).toHaveLength(2);
});

test('retries if the proxy is temporarily unavailable', async () => {
  const [proxy, safe] = [kept(await startProxy()), await secure()];
  proxy.fault = 503;
  const http = open({ retries: 1, proxy: through(proxy) });
  await expect(get(http, safe.url)).rejects.toThrow('the proxy itself answered with status 503');
  expect(proxy.requests).toHaveLength(2);
});

test.each([
  ['127.0.0.1', 0],
  ['example.com, localhost', 1],
  ['example.com localhost 127.0.0.1', 0],
  ['127.0.0.1:1', 1],
  ['*', 0],
  ['', 1],
])('with NO_PROXY=%j the proxy is asked %i times', async (noProxy, times) => {
  const [proxy, safe] = [kept(await startProxy()), await secure()];
  expect(await get(open({ proxy: through(proxy, noProxy) }), safe.url)).toMatch(/^200 secure/);
  expect(proxy.requests).toHaveLength(times);
});

test('uses the http proxy only for http, and the https proxy only for https', async () => {
  const [proxy, web, safe] = [kept(await startProxy()), await plain(), await secure()];
  const forHttp = open({ proxy: { httpProxy: proxy.url, httpsProxy: undefined, noProxy: '' } });
  expect([await get(forHttp, safe.url), proxy.requests.length]).toEqual([expect.stringMatching(/^200 secure/), 0]);
  const forHttps = open({ proxy: { httpProxy: undefined, httpsProxy: proxy.url, noProxy: '' } });
  expect([await get(forHttps, web.url), proxy.requests.length]).toEqual([expect.stringMatching(/^200 plain/), 0]);
});

test('verifies the certificate of a server behind a proxy', async () => {
  const [proxy, safe] = [kept(await startProxy()), await secure()];
  await expect(get(open({ ca: undefined, proxy: through(proxy) }), safe.url)).rejects.toThrow(
    'DEPTH_ZERO_SELF_SIGNED_CERT',
  );
});

test('applies the timeouts through a proxy', async () => {
  const proxy = kept(await startProxy());
  const silent = kept(await serve(() => undefined));
  const deaf = kept(await serveTls({ cert: server.certificate, key: server.key }, () => undefined));
  const http = open({ timeoutMs: 1000, proxy: through(proxy) });
  const failures = await Promise.allSettled([silent, deaf].map(({ url }) => get(http, url)));
  for (const failure of failures)
    expect(failure).toMatchObject({ status: 'rejected', reason: { reason: 'no response: UND_ERR_HEADERS_TIMEOUT' } });
});

test('opens at most as many connections to a proxy as there are concurrent requests, and reuses them', async () => {
  const [proxy, safe] = [kept(await startProxy()), await secure()];
  const http = open({ proxy: through(proxy) });
  await Promise.all(Array.from({ length: 40 }, () => get(http, safe.url)));
  expect(proxy.requests.length).toBeLessThanOrEqual(4);
});

test('reuses connections, also after a HEAD', async () => {
  const ports = new Set<number | undefined>();
  const listener: RequestListener = (request, response) => {
    ports.add(request.socket.remotePort);
    response.writeHead(request.url === '/known' ? 304 : 200, { 'content-length': 100 }).end();
  };
  const identity = { cert: server.certificate, key: server.key };
  for (const { url } of [kept(await serve(listener)), kept(await serveTls(identity, listener))]) {
    const http = open();
    ports.clear();
    for (const path of new Array(10).fill(['/known', '/new']).flat())
      await http.send(new URL(path, url), { method: 'HEAD', signal });
    expect(ports.size).toBeLessThanOrEqual(4);
  }
});

test('rejects names for link-local addresses on direct connections beside a proxy', async () => {
  const proxy = kept(await startProxy());
  const guard = createLookup(new Set(), (_, __, callback) => callback(null, [{ address: '169.254.1.2', family: 4 }]));
  for (const options of [{}, { proxy: through(proxy, 'metadata.example') }])
    await expect(get(open({ ...options, lookup: guard }), 'http://metadata.example')).rejects.toThrow('ERR_LINK_LOCAL');
  expect(await get(open({ lookup: createLookup(new Set(), lookup) }), (await plain()).url)).toMatch(/^200/);
});

/** A server that lets in only who has the client's certificate, or anyone, and says who it was. */
async function demanding(isMust: boolean): Promise<Served> {
  const trust = { ca: client.certificate, requestCert: true, rejectUnauthorized: isMust };
  const options = { cert: server.certificate, key: server.key, ...trust };
  return kept(
    await serveTls(options, (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      response.end(subject === undefined ? 'a stranger' : 'known');
    }),
  );
}

test('presents the client certificate, also through a proxy', async () => {
  const { url } = await demanding(true);
  const proxy = kept(await startProxy());
  const identity = { clientCertificate: client, certificateOrigins: [url] };
  expect(await get(open(identity), url)).toBe('200 known');
  expect(await get(open({ ...identity, proxy: through(proxy) }), url)).toBe('200 known');
  await expect(get(open(), url)).rejects.toThrow('no response: ');
  await expect(get(open({ proxy: through(proxy) }), url)).rejects.toThrow('no response: ');
});

test('presents no client certificate to servers that are not configured', async () => {
  const [own, other] = [await demanding(false), await demanding(false)];
  const http = open({ clientCertificate: client, certificateOrigins: [own.url] });
  expect([await get(http, own.url), await get(http, other.url)]).toEqual(['200 known', '200 a stranger']);
});
