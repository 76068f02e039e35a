import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { get, talk } from '../support/raw-http.ts';
import { type ListeningServer, NO_LIMITS, startTestServer } from '../support/server.ts';

/* The page at /docs and its files over HTTP; docs-browser.test.ts opens them in a browser. */

const FILES = [
  '/docs',
  '/docs/',
  '/docs/page.js',
  '/docs/page.css',
  '/docs/swagger-ui-bundle.js',
  '/docs/swagger-ui.css',
];
/** The policy from docs/security.md. */
const [POLICY = ''] =
  /^default-src .*$/m.exec(readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')) ?? [];
const NO_TOKEN = { Authorization: '' };

let front: ListeningServer;

beforeAll(async () => {
  front = await startTestServer();
});

afterAll(() => front.close());

const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  talk(front.port, get(path, { ...NO_TOKEN, ...headers }, method));

describe('the page and its files', () => {
  test.for(FILES)('serves %s without a token, and 304 to a client that has it', async (path) => {
    const { status, headers } = await ask(path);
    expect(status).toBe(200);
    expect(headers['etag']).toMatch(/^"[\w-]{43}"$/);
    expect(headers['cache-control']).toBe('private, no-cache');
    expect(headers['x-content-type-options']).toBe('nosniff');
    const again = await ask(path, { 'If-None-Match': headers['etag'] ?? '' });
    expect([again.status, again.body]).toEqual([304, '']);
    expect(again.headers['content-security-policy']).toBe(headers['content-security-policy']);
  });

  test.for(FILES)('answers HEAD and OPTIONS for %s, and refuses other methods', async (path) => {
    const [whole, head] = [await ask(path), await ask(path, {}, 'HEAD')];
    expect([head.status, head.body]).toEqual([200, '']);
    for (const name of ['content-type', 'content-length', 'etag', 'content-security-policy'])
      expect(head.headers[name], name).toBe(whole.headers[name]);
    const options = await ask(path, {}, 'OPTIONS');
    expect([options.status, options.headers['allow']]).toEqual([200, 'GET, HEAD, OPTIONS']);
    const post = await ask(path, { 'Content-Length': '0' }, 'POST');
    expect([post.status, post.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect(post.headers['content-type']).toBe('application/problem+json');
  });

  test('have the right media types', async () => {
    const types = await Promise.all(FILES.map(async (path) => (await ask(path)).headers['content-type']));
    const [html, script, style] = ['text/html', 'text/javascript', 'text/css'].map((type) => `${type}; charset=utf-8`);
    expect(types).toEqual([html, html, script, style, script, style]);
  });

  test.for(['zstd', 'br', 'gzip'])(
    'compress the library as %s to at most a third, with an ETag of its own',
    async (coding) => {
      const url = `http://127.0.0.1:${front.port}/usage/docs/swagger-ui-bundle.js`;
      const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
      const coded = await fetch(url, { headers: { 'accept-encoding': coding } });
      expect(coded.headers.get('content-encoding')).toBe(coding);
      expect(coded.headers.get('vary')).toMatch(/accept-encoding/i);
      expect(coded.headers.get('etag')).not.toBe(plain.headers.get('etag'));
      const [length, codedLength] = [plain, coded].map(({ headers }) => Number(headers.get('content-length')));
      expect(codedLength).toBeLessThan((length ?? 0) / 3);
    },
  );
});

describe('the policy of the page', () => {
  test.for(['/docs', '/docs/'])('allows %s to load files of this server only', async (path) => {
    const { headers, body } = await ask(path);
    expect(headers['content-security-policy']).toBe(POLICY);
    expect(POLICY).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(POLICY).not.toMatch(/unsafe|\*|http/);
    expect(headers['x-robots-tag']).toBe('noindex');
    expect(body).not.toMatch(/<script(?! src="[^"]+" defer><\/script>)|<style|style=|\son\w+=|https?:|\/\//);
  });

  test('uses relative URLs only, and each of them exists', async () => {
    for (const path of ['/docs', '/docs/']) {
      const { body } = await ask(path);
      const urls = [...body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url ?? '');
      const ours = urls.filter((url) => url !== 'data:,' && !url.endsWith('openapi.json'));
      expect(ours.length).toBe(5);
      for (const url of ours) {
        expect(url).not.toMatch(/^\//);
        const { pathname } = new URL(url, `http://localhost/usage${path}`);
        expect((await ask(pathname.slice('/usage'.length))).status, url).toBe(200);
      }
    }
  });

  test('is that of all other responses for its files', async () => {
    const { headers } = await ask('/docs/page.js');
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; base-uri/);
  });
});

test.for([
  '/docs/none.js',
  '/docs/swagger-ui.css/',
  '/docs//swagger-ui.css',
  '/docs/./swagger-ui.css',
  '/docs/../docs/swagger-ui.css',
  '/docs/../package.json',
  '/docs/..%2f..%2fpackage.json',
  '/docs/%2e%2e/package.json',
  '/docs/..%5cpackage.json',
  '/docs/swagger-ui.css%00',
  '/docs/swagger%2Dui.css',
  '/docs/Swagger-UI.css',
  '/docs/swagger-ui-bundle.js.map',
  '/docs/index.html',
  '/docs/oauth2-redirect.html',
  '/docs/constructor',
  '/docsx',
])('%s does not exist', async (path) => {
  const { status, headers } = await ask(path);
  expect([status, headers['content-type']]).toEqual([404, 'application/problem+json']);
});

test('counts the page and its files as requests of the address', async () => {
  const limited = await startTestServer({ http: { limits: { ...NO_LIMITS, requestsPerAddress: 2 } } });
  try {
    const statuses = [];
    for (const path of ['/docs', '/docs/page.js', '/docs/page.css'])
      statuses.push((await talk(limited.port, get(path, NO_TOKEN))).status);
    expect(statuses).toEqual([200, 200, 429]);
  } finally {
    await limited.close();
  }
});

test('is linked from the entry point', async () => {
  const { _links } = JSON.parse((await ask('/')).body) as { _links: Record<string, object> };
  expect(_links['service-doc']).toEqual({ href: '/usage/docs', type: 'text/html' });
});

test('is served at the root without a prefix', async () => {
  const top = await startTestServer({ prefix: '' });
  try {
    for (const path of FILES) expect((await fetch(`http://127.0.0.1:${top.port}${path}`)).status, path).toBe(200);
  } finally {
    await top.close();
  }
});
