import { readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request as requestPlain } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, makeCertificate } from '../../lab/certificate.ts';
import { type LabNginx, startNginx } from '../../lab/nginx.ts';
import type { LabService } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { basic, PASSWORD, startWholeLab, type WholeLab, WRONG_PASSWORD, waitForLog } from '../support/whole-lab.ts';

/* A real nginx, configured as in docs/operations.md, in front of the service, configured as in docs/security.md. */

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
const HOST = 'usage.example.com';
const PREFIX = '/registry/usage';

let lab: WholeLab;
let service: LabService;
let nginx: LabNginx;
let folder: string;
let certificate: Certificate;
let agent: Agent;
let authorization: string;

/** Everything that was started; it is stopped in the opposite order, even if a start has failed. */
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await inNewDirectory('nginx-keys', async (made) => made);
  cleanups.push(() => removeDirectory(folder));
  certificate = await makeCertificate(folder, [`DNS:${HOST}`]);
  lab = await startWholeLab();
  cleanups.push(lab.remove);
  service = await lab.start({ general: { ...documentedSettings(), server_prefix: PREFIX } });
  cleanups.push(service.stop);
  nginx = await startNginx((port) => documentedBlock(port));
  cleanups.push(nginx.stop);
  agent = new Agent({ ca: certificate.certificate, keepAlive: false });
  await waitForLog(service, 'crawl finished');
  const { auth_token } = (await ask('/auth_token', { headers: basic('jürgen', PASSWORD) })).json();
  authorization = `Bearer ${auth_token}`;
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Returns the code block in that language under a heading of a page. */
function fenced(page: string, heading: string, language: string): string {
  const [, section = ''] = read(page).split(`\n${heading}\n`);
  return section.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';
}

function documentedSettings(): Record<string, string> {
  const [head, ...lines] = fenced('security', '## Run the service behind a proxy', 'ini').trim().split('\n');
  expect(head).toBe('[general]');
  return Object.fromEntries(lines.map((line) => line.split(' = ')));
}

/** Returns the block with other ports and files. Each replaced text must occur exactly once. */
function documentedBlock(port: number): string {
  let block = fenced('operations', '### nginx', 'nginx');
  for (const [documented, real] of [
    ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
    ['proxy_pass http://127.0.0.1:5000;', `proxy_pass ${service.url};`],
    ['/etc/ssl/certs/usage.example.com.pem', certificate.certificateFile],
    ['/etc/ssl/private/usage.example.com.key', certificate.keyFile],
  ] as const) {
    expect(block.split(documented), documented).toHaveLength(2);
    block = block.replace(documented, real);
  }
  return block;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json(): Record<string, unknown>;
}

/** Sends a request to nginx over HTTPS, from an address of this machine. */
function ask(path: string, options: RequestOptions = {}, from = '127.0.0.1', send = request): Promise<Answer> {
  const headers = { host: HOST, ...(authorization && { authorization }), ...options.headers };
  const target = { host: '127.0.0.1', port: nginx.port, servername: HOST, agent, localAddress: from };
  return new Promise((resolve, reject) => {
    const sent = send({ ...target, ...options, path: `${PREFIX}${path}`, headers }, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('');
      const { statusCode: status = 0, headers: received } = response;
      resolve({ status, headers: received, text, json: () => JSON.parse(text) });
    });
    sent.once('error', reject).end();
  });
}

/** Sends a request to the service, not through nginx. */
const askPast = (path: string, headers: Record<string, string>, from: string) =>
  ask(path, { headers, agent: false, port: new URL(service.url).port }, from, requestPlain as typeof request);

/** Returns the line in the log about the request with that id. */
async function logged(id: string): Promise<{ ip: string; path: string }> {
  await waitForLog(service, `"${id}"`);
  const line = service.child
    .output()
    .split('\n')
    .find((text) => text.includes(`"${id}"`));
  return JSON.parse(line ?? '');
}

describe('through nginx', () => {
  test('passes names with escaped and with plain slashes on unchanged', async () => {
    for (const path of ['group%2Fsub%2Fproject%2Fimage', 'group/sub/project/image']) {
      const repository = await ask(`/repositories/${path}`);
      expect([repository.status, repository.json()['name']], path).toEqual([200, 'group/sub/project/image']);
      const tag = await ask(`/repositories/${path}/tags/v1?links=true`);
      expect(tag.json(), path).toMatchObject({
        name: 'v1',
        _links: { self: { href: `${PREFIX}/repositories/group%2Fsub%2Fproject%2Fimage/tags/v1` } },
      });
    }
    expect((await ask('/repositories/group%2Fproject%2Ftags')).json()['name']).toBe('group/project/tags');
    expect((await ask('/repositories/group/project/tags')).status).toBe(300);
    expect((await ask('/namespaces/group%2Fsub')).status).toBe(200);
  });

  test('returns links that work through nginx', async () => {
    const links = (text: string) => [...text.matchAll(/"href":"([^"{]*)"/g)].map(([, href = '']) => href);
    const root = await ask('/repositories?links=true&embed=true');
    const hrefs = new Set(links(root.text));
    expect(hrefs.size).toBeGreaterThan(30);
    for (const href of hrefs) {
      expect(href.startsWith(`${PREFIX}/`), href).toBe(true);
      const answer = await ask(href.slice(PREFIX.length));
      // `x/tags` is a repository too, so the response has a link for each meaning.
      const exact = answer.status === 300 ? links(answer.text).map((link) => ask(link.slice(PREFIX.length))) : [answer];
      expect(
        (await Promise.all(exact)).map(({ status }) => status),
        href,
      ).toEqual(exact.map(() => 200));
      if (answer.status === 300) expect(exact).toHaveLength(2);
    }
  });

  test('does not turn an unknown path into a known one', async () => {
    for (const path of [
      '/..%2f..%2fetc%2fpasswd',
      '/repositories/..%2F..%2Fgaps',
      '/repositories/%2e%2e%2fgaps',
      '//gaps',
    ])
      expect((await ask(path)).status, path).toBe(404);
    expect((await ask('/../usage/gaps')).status).toBe(404);
    expect((await ask('/repositories/%00')).status).toBeGreaterThanOrEqual(400);
  });

  test('passes on compression, ETags, HEAD, preflights and refusals', async () => {
    const plain = await ask('/repositories?embed=true');
    const { etag = '' } = plain.headers;
    expect((await ask('/repositories?embed=true', { headers: { 'if-none-match': etag } })).status).toBe(304);
    const zipped = await ask('/repositories?embed=true', { headers: { 'accept-encoding': 'gzip' } });
    expect([zipped.status, zipped.headers['content-encoding']]).toEqual([200, 'gzip']);
    const head = await ask('/repositories', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    const preflight = { origin: 'https://page.example', 'access-control-request-method': 'GET' };
    expect((await ask('/repositories', { method: 'OPTIONS', headers: preflight })).status).toBe(200);
    const refused = await ask('/repositories', { headers: { authorization: 'Bearer x' } });
    expect([refused.status, refused.headers['content-type']]).toEqual([401, 'application/problem+json']);
  });

  test('passes the requested host on', async () => {
    expect((await ask('/repositories', { headers: { host: 'evil.example' } })).status).toBe(421);
    expect((await ask('/repositories', { headers: { host: `${HOST}:443` } })).status).toBe(200);
    const forwarded = { host: 'evil.example', 'x-forwarded-host': HOST, forwarded: `host=${HOST}` };
    expect((await ask('/repositories', { headers: forwarded })).status).toBe(421);
  });
});

describe('the address of the client', () => {
  test('is the one that nginx reports, and X-Forwarded-For of other clients is ignored', async () => {
    const forged = { 'x-forwarded-for': '203.0.113.7, 127.0.0.1' };
    for (const [id, from] of [
      ['through-1', '127.0.0.1'],
      ['through-2', '127.0.0.2'],
    ] as const) {
      await ask('/gaps', { headers: { ...forged, 'x-request-id': id } }, from);
      // 127.0.0.1 is the trusted proxy itself, so its header is used.
      expect((await logged(id)).ip).toBe(from === '127.0.0.1' ? '203.0.113.7' : from);
    }
    await askPast('/gaps', { ...forged, 'x-request-id': 'past-3' }, '127.0.0.3');
    expect((await logged('past-3')).ip).toBe('127.0.0.3');
  });

  test('has its own limits: an attacker must wait, and another client of the same nginx need not', async () => {
    const signIn = (password: string, from: string) =>
      ask('/auth_token', { headers: { ...basic('jürgen', password), 'x-forwarded-for': '203.0.113.9' } }, from);
    const guesses = [];
    for (let i = 0; i < 12; i++) guesses.push((await signIn(WRONG_PASSWORD, '127.0.0.4')).status);
    expect(guesses).toEqual([...Array(10).fill(401), 429, 429]);
    expect((await signIn(PASSWORD, '127.0.0.4')).status).toBe(429);
    expect((await signIn(PASSWORD, '127.0.0.5')).status).toBe(200);
  });
});

test('nginx logs no errors, and the service does not report an unknown proxy', async () => {
  expect(nginx.output()).not.toMatch(/\[(?:error|crit|alert|emerg)\]/);
  expect(service.child.output().split('X-Forwarded-For ignored')).toHaveLength(1);
});
