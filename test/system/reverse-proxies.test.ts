import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApache } from '../../lab/apache.ts';
import { startCaddy } from '../../lab/caddy.ts';
import { type Certificate, makeCertificate } from '../../lab/certificate.ts';
import { type LabNginx, startNginx } from '../../lab/nginx.ts';
import type { LabService } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { basic, PASSWORD, startWholeLab, type WholeLab, waitForLog } from '../support/whole-lab.ts';

/* Real proxies, configured as in docs/operations.md, for a host and for a path, in front of the service. */

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
const [OPERATIONS, SECURITY] = [read('operations'), read('security')];
const HOST = 'usage.example.com';
const SECRET = 'the secret of these events';
const NAME = 'group/sub/project/image';

/** Returns the code block in that language under a heading of a page. */
function fenced(page: string, heading: string, language: string): string {
  const [, section = ''] = page.split(`\n${heading}\n`);
  const text = section.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';
  expect(text, `${heading}, ${language}`).not.toBe('');
  return text;
}

function settings(page: string, heading: string): Record<string, string> {
  const [head, ...lines] = fenced(page, heading, 'ini').trim().split('\n');
  expect(head).toBe('[general]');
  return Object.fromEntries(lines.map((line) => line.split(' = ')));
}

const BELOW = settings(OPERATIONS, '### Serve it below a path');
const PREFIX = BELOW['server_prefix'] ?? '';

/** Each replaced text must occur exactly once. */
function replaced(block: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((text, [documented, real]) => {
    expect(text.split(documented), documented).toHaveLength(2);
    return text.replace(documented, () => real);
  }, block);
}

interface Kind {
  readonly language: string;
  start(blockFor: (port: number) => string): Promise<LabNginx>;
  /** The ports and files of this test instead of the documented ones. */
  changes(port: number, service: string): readonly (readonly [string, string])[];
}

const FILES = {
  certificate: '/etc/ssl/certs/usage.example.com.pem',
  key: '/etc/ssl/private/usage.example.com.key',
};
const ourFiles = (): readonly (readonly [string, string])[] => [
  [FILES.certificate, certificate.certificateFile],
  [FILES.key, certificate.keyFile],
];

const KINDS: Readonly<Record<string, Kind>> = {
  nginx: {
    language: 'nginx',
    start: startNginx,
    changes: (port, service) => [
      ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
      ['127.0.0.1:5000', service],
      ...ourFiles(),
    ],
  },
  Apache: {
    language: 'apache',
    start: startApache,
    changes: (port, service) => [['*:443', `127.0.0.1:${port}`], ['127.0.0.1:5000', service], ...ourFiles()],
  },
  Caddy: {
    language: 'caddyfile',
    start: startCaddy,
    changes: (port, service) => [
      [
        `${HOST} {`,
        `https://${HOST}:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate.certificateFile} ${certificate.keyFile}`,
      ],
      ['127.0.0.1:5000', service],
    ],
  },
};

/** Returns the replacements that the page documents: in its table, or as a block. */
function belowPath(kind: string): readonly [string, string] {
  if (kind === 'Caddy')
    return ['reverse_proxy 127.0.0.1:5000', fenced(OPERATIONS, '### Serve it below a path', 'caddyfile')];
  const [, section = ''] = OPERATIONS.split('### Serve it below a path');
  const row = section.split('\n').find((line) => line.startsWith(`| ${kind} |`)) ?? '';
  const [, instead = '', write = ''] = /^\| \w+ \| `+(.*?)`+ \| `+(.*?)`+ \|$/.exec(row) ?? [];
  return [instead, write];
}

function documented(kind: string, isBelow: boolean): string {
  const block = fenced(OPERATIONS, `### ${kind}`, KINDS[kind]?.language ?? '');
  return isBelow ? replaced(block, [belowPath(kind)]) : block;
}

let lab: WholeLab;
let certificate: Certificate;
let agent: Agent;
const services = new Map<boolean, LabService>();
const serviceOf = (isBelow: boolean): LabService => services.get(isBelow) as LabService;

/** Everything that was started; it is stopped in the opposite order, even if a start has failed. */
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const folder = await inNewDirectory('proxy-keys', async (made) => made);
  cleanups.push(() => removeDirectory(folder));
  certificate = await makeCertificate(folder, [`DNS:${HOST}`]);
  agent = new Agent({ ca: certificate.certificate, keepAlive: false });
  lab = await startWholeLab();
  cleanups.push(lab.remove);
  for (const isBelow of [false, true]) {
    const general = { ...settings(SECURITY, '## Run the service behind a proxy'), ...(isBelow && BELOW) };
    const service = await lab.start({ general, events: { secret: SECRET } });
    cleanups.push(service.stop);
    services.set(isBelow, service);
    await waitForLog(service, 'crawl finished');
  }
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function start(kind: string, isBelow: boolean, changes: (block: string) => string = (block) => block) {
  const { start: startKind, changes: real } = KINDS[kind] as Kind;
  const { host } = new URL(serviceOf(isBelow).url);
  const proxy = await startKind((port) => replaced(changes(documented(kind, isBelow)), real(port, host)));
  cleanups.push(proxy.stop);
  return proxy;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json(): Record<string, unknown>;
}

/** Sends a request to a proxy over HTTPS. */
function askAt(port: number, path: string, options: RequestOptions = {}, body = ''): Promise<Answer> {
  const headers = { host: HOST, ...options.headers };
  const target = { host: '127.0.0.1', port, servername: HOST, agent, ...options, path, headers };
  return new Promise((resolve, reject) => {
    const sent = request(target, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('');
      const { statusCode: status = 0, headers: received } = response;
      resolve({ status, headers: received, text, json: () => JSON.parse(text) });
    });
    sent.once('error', reject).end(body);
  });
}

const hrefs = (text: string): readonly string[] =>
  [...text.matchAll(/"href":"([^"{]*)"/g)].map(([, href = '']) => href);

const CASES = Object.keys(KINDS).flatMap((kind) => [
  { kind, place: 'at the top', isBelow: false },
  { kind, place: 'below a path', isBelow: true },
]);

describe.each(CASES)('$kind $place', ({ kind, isBelow }) => {
  let port: number;
  let authorization: string;
  let proxy: LabNginx;
  const prefix = isBelow ? PREFIX : '';
  const ask = (path: string, options: RequestOptions = {}, body = ''): Promise<Answer> =>
    askAt(port, prefix + path, { ...options, headers: { authorization, ...options.headers } }, body);

  /** Returns the line in the log about the request with that id. */
  async function logged(id: string): Promise<{ ip: string; path: string }> {
    await waitForLog(serviceOf(isBelow), `"${id}"`);
    const lines = serviceOf(isBelow).child.output().split('\n');
    return JSON.parse(lines.find((text) => text.includes(`"${id}"`)) ?? '');
  }

  beforeAll(async () => {
    proxy = await start(kind, isBelow);
    port = proxy.port;
    const { auth_token } = (await ask('/auth_token', { headers: basic('jürgen', PASSWORD) })).json();
    authorization = `Bearer ${auth_token}`;
  });

  test('passes names with escaped and with plain slashes on unchanged', async () => {
    for (const path of [NAME.replaceAll('/', '%2F'), NAME.replaceAll('/', '%2f'), NAME]) {
      expect((await ask(`/repositories/${path}`)).json()['name'], path).toBe(NAME);
      expect((await ask(`/repositories/${path}/tags/v1?links=true`)).json(), path).toMatchObject({
        name: 'v1',
        _links: { self: { href: `${prefix}/repositories/group%2Fsub%2Fproject%2Fimage/tags/v1` } },
      });
    }
    expect((await ask('/repositories/group%2Fproject%2Ftags')).json()['name']).toBe('group/project/tags');
    expect((await ask('/namespaces/group%2Fsub')).status).toBe(200);
  });

  test('passes the path on character by character', async () => {
    const paths = ['a%2Fb', 'a%2fb', 'a%252Fb', 'a/b', 'a%2Fb/tags/x', 'a;b', '%C3%BC'].map(
      (name) => `/repositories/${name}`,
    );
    for (const [at, path] of paths.entries()) {
      const id = `${kind}-${isBelow}-path-${at}`;
      await ask(path, { headers: { 'x-request-id': id } });
      expect((await logged(id)).path).toBe(prefix + path);
    }
  });

  test('returns links for an ambiguous path, and each link works', async () => {
    const choice = await ask('/repositories/group/project/tags');
    expect(choice.status).toBe(300);
    const answers = await Promise.all(
      hrefs(choice.text).map((href) => askAt(port, href, { headers: { authorization } })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(2);
  });

  test('returns links that work through the proxy', async () => {
    const root = await ask('/repositories?links=true&embed=1');
    const links = new Set(hrefs(root.text));
    expect(links.size).toBeGreaterThan(20);
    for (const href of links) {
      expect(href.startsWith(`${prefix}/`), href).toBe(true);
      const { status } = await askAt(port, href, { headers: { authorization } });
      // `x/tags` is a repository, too: then both meanings have a link of their own.
      expect([200, 300], href).toContain(status);
    }
  });

  test('passes on ETags, compression, HEAD and refusals', async () => {
    const { etag = '' } = (await ask('/repositories?embed=true')).headers;
    expect((await ask('/repositories?embed=true', { headers: { 'if-none-match': etag } })).status).toBe(304);
    const zipped = await ask('/repositories?embed=true', { headers: { 'accept-encoding': 'gzip' } });
    expect([zipped.status, zipped.headers['content-encoding']]).toEqual([200, 'gzip']);
    const head = await ask('/repositories', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    const refused = await ask('/repositories', { headers: { authorization: 'Bearer x' } });
    expect([refused.status, refused.headers['content-type']]).toEqual([401, 'application/problem+json']);
  });

  test('passes on notifications with their secret', async () => {
    const headers = { authorization: SECRET, 'content-type': 'application/json' };
    const body = JSON.stringify({ events: [{ action: 'push', target: { repository: 'single', tag: 'latest' } }] });
    expect((await ask('/events', { method: 'POST', headers }, body)).status).toBe(202);
  });

  test('uses the client address that the proxy reports', async () => {
    const id = `${kind}-${isBelow}-who`;
    const headers = { 'x-forwarded-for': '203.0.113.7, 127.0.0.1', 'x-request-id': id };
    await ask('/gaps', { headers, localAddress: '127.0.0.2' });
    expect((await logged(id)).ip).toBe('127.0.0.2');
    expect(serviceOf(isBelow).child.output()).not.toContain('X-Forwarded-For ignored');
  });

  test('the proxy logs no errors', () => {
    expect(proxy.output()).not.toMatch(/\[(?:\w+:)?(?:error|crit|alert|emerg)\]|"level":"(?:error|fatal)"/);
  });

  // The last one: nginx complains of it.
  test('returns 404 outside the path', async () => {
    for (const path of ['/nothing', ...(isBelow ? ['/health/ready', '/metrics'] : [])])
      expect((await askAt(port, path)).status, path).toBe(404);
    const { status, text } = await askAt(port, prefix || '/');
    expect(status !== 200 || text.includes('"_links"'), text).toBe(true);
  });
});

describe('configurations that the page warns about', () => {
  const TAGS = '/repositories/group%2Fproject%2Ftags';

  test('nginx with a path in proxy_pass sends a decoded path', async () => {
    const { port } = await start('nginx', false, (block) => block.replace('5000;', '5000/;'));
    const { auth_token } = (await askAt(port, '/auth_token', { headers: basic('jürgen', PASSWORD) })).json();
    expect((await askAt(port, TAGS, { headers: { authorization: `Bearer ${auth_token}` } })).status).toBe(300);
  });

  test('Apache without AllowEncodedSlashes returns 404 itself', async () => {
    const { port } = await start('Apache', false, (block) => block.replace('AllowEncodedSlashes NoDecode', ''));
    const answer = await askAt(port, TAGS);
    expect([answer.status, answer.headers['content-type']]).toEqual([404, expect.stringContaining('text/html')]);
  });
});
