import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type LabBrowser, startBrowser } from '../../lab/browser.ts';
import { type LabNginx, startNginx } from '../../lab/nginx.ts';
import { SAMPLE_OPENAPI } from '../support/sample-openapi.ts';
import { type ListeningServer, startTestServer, TOKEN } from '../support/server.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* What a real Chromium makes of /docs, below a prefix and behind a real nginx that strips one. Everything is answered by the server itself but the
 * document, which is a small one, so that it is known what has to be seen. */

let front: ListeningServer;
let top: ListeningServer;
let nginx: LabNginx;
let browser: LabBrowser;
/** The page of the test that runs, what it has asked for, and what its browser had to say against it: breaches of its policy, too. */
let page: Page;
let requests: string[];
let complaints: string[];
/** What has been started, to be stopped in the opposite order: also where the rest could not be. */
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  [front, top] = await Promise.all([startTestServer(), startTestServer({ prefix: '' })]);
  cleanups.push(front.close, top.close);
  nginx = await startNginx((port) => stripping('/tools/usage/', port));
  cleanups.push(nginx.stop);
  browser = await startBrowser();
  cleanups.push(browser.stop);
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function stripping(prefix: string, port: number): string {
  return `server { listen 127.0.0.1:${port}; location ${prefix} { proxy_pass http://127.0.0.1:${top.port}/; } }`;
}

afterEach(() => page.close());

async function open(url: string, options: Parameters<LabBrowser['newPage']>[0] = {}): Promise<void> {
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  [requests, complaints] = [[], []];
  page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.route('**/openapi.json', (route) => route.fulfill({ json: SAMPLE_OPENAPI }));
  await page.goto(url);
}

const urlOf = ({ port }: ListeningServer, path: string) => `http://127.0.0.1:${port}${path}`;
const button = (name: string) => page.getByRole('button', { name, exact: true });
const operation = (path: string) => page.locator('.opblock', { has: page.getByText(path, { exact: true }) });

/** Fills in what a scheme wants: a bearer token, or a name and a password. */
async function authorize(name: 'Bearer' | 'Basic', ...values: readonly string[]): Promise<void> {
  await button('Authorize').click();
  const scheme = page.locator('.auth-container', { hasText: `http, ${name}` });
  for (const [at, value] of values.entries()) await scheme.locator('input').nth(at).fill(value);
  await scheme.getByRole('button', { name: 'Apply credentials' }).click();
  await scheme.getByRole('button', { name: 'Close' }).click();
}

/** What stands in the page as the answer of the server. */
async function execute(path: string): Promise<{ readonly status: string; readonly text: string }> {
  await operation(path).locator('.opblock-summary-control').click();
  await operation(path).getByRole('button', { name: 'Try it out' }).click();
  await operation(path).getByRole('button', { name: 'Execute' }).click();
  const answer = operation(path).locator('.live-responses-table tbody');
  await answer.waitFor();
  return {
    status: (await answer.locator('.response-col_status').textContent()) ?? '',
    text: (await answer.locator('.highlight-code pre').first().textContent()) ?? '',
  };
}

test.for(['/usage/docs', '/usage/docs/'])('%s shows the document, without a word against it', async (path) => {
  await open(urlOf(front, path));
  await page.locator('.opblock').first().waitFor();
  expect(await page.locator('h1').textContent()).toContain('A sample');
  const shown = page.locator('.opblock-summary-method, .opblock-summary-path');
  expect((await shown.allTextContents()).map((text) => text.replaceAll('\u200b', ''))).toEqual([
    ...['GET', '/repositories', 'POST', '/collection'],
    ...['GET', '/auth_token'],
  ]);
  const files = ['swagger-ui.css', 'page.css', 'swagger-ui-bundle.js', 'page.js'];
  expect(requests.toSorted()).toEqual(
    [path, ...files.map((name) => `/usage/docs/${name}`), '/usage/openapi.json']
      .map((asked) => `GET ${urlOf(front, asked)}`)
      .toSorted(),
  );
  expect(complaints).toEqual([]);
});

test('with a token, an operation is tried out, and its answer seen in the page', async () => {
  await open(urlOf(front, '/usage/docs'));
  await authorize('Bearer', TOKEN);
  const { status, text } = await execute('/repositories');
  expect(status).toBe('200');
  expect(JSON.parse(text)).toMatchObject({ tags_count: 2, complete: true });
  expect(requests.at(-1)).toBe(`GET ${urlOf(front, '/usage/repositories')}`);
  expect(complaints).toEqual([]);
});

test('who wants to authorize can type the token at once', async () => {
  await open(urlOf(front, '/usage/docs'));
  await button('Authorize').click();
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('auth-bearer-value');
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await page.locator('.auth-container', { hasText: 'http, Bearer' }).getByText('Authorized').waitFor();
  expect(complaints).toEqual([]);
});

test('without one, it is seen what is missing', async () => {
  await open(urlOf(front, '/usage/docs'));
  const { status, text } = await execute('/repositories');
  expect(status).toContain('401');
  expect(JSON.parse(text)).toMatchObject({ detail: expect.stringMatching(/bearer token/i) });
});

test('with name and password, a token is had in the page, too', async () => {
  await open(urlOf(front, '/usage/docs'));
  await authorize('Basic', 'alice', 'right');
  const { status, text } = await execute('/auth_token');
  expect(status).toBe('200');
  expect(JSON.parse(text)).toMatchObject({ auth_token: TOKEN });
  expect(complaints).toEqual([]);
});

test('a token is gone with the page: nothing is left behind in the browser', async () => {
  await open(urlOf(front, '/usage/docs'));
  await authorize('Bearer', TOKEN);
  expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
  await page.reload();
  expect((await execute('/repositories')).status).toContain('401');
});

test.for(['/docs', '/docs/'])('behind a proxy that strips a prefix %s is the same', async (path) => {
  const outside = `http://127.0.0.1:${nginx.port}/tools/usage`;
  await open(`${outside}${path}`);
  await authorize('Bearer', TOKEN);
  expect((await execute('/repositories')).status).toBe('200');
  for (const asked of requests) expect(asked).toContain(` ${outside}/`);
  expect(complaints).toEqual([]);
});

test('shows no other document, not even by a crafted link', async () => {
  const other = 'http://127.0.0.1:9/other.json';
  await open(urlOf(front, `/usage/docs?url=${other}&configUrl=${other}&urls.primaryName=x#/?url=${other}`));
  await page.locator('.opblock').first().waitFor();
  expect(requests.filter((asked) => asked.startsWith('GET http://127.0.0.1:9'))).toEqual([]);
  expect(complaints).toEqual([]);
});

test('what a document says is text: none of it runs', async () => {
  const evil = '<img src=x onerror="window.hasRun = true"><script>window.hasRun = true</script><b>bold</b>';
  await open('about:blank');
  await page.unroute('**/openapi.json');
  const json = { ...SAMPLE_OPENAPI, info: { ...SAMPLE_OPENAPI.info, title: evil, description: evil } };
  await page.route('**/openapi.json', (route) => route.fulfill({ json }));
  await page.goto(urlOf(front, '/usage/docs'));
  await page.locator('.opblock').first().waitFor();
  expect(await page.evaluate('window.hasRun')).toBeUndefined();
});

test('it is as light or dark as its reader likes it, at once and when that changes', async () => {
  const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  await open(urlOf(front, '/usage/docs'), { colorScheme: 'dark' });
  await page.locator('.opblock').first().waitFor();
  const dark = await background();
  await page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(background).not.toBe(dark);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(background).toBe(dark);
});

test('at the width of a telephone nothing is cut off', async () => {
  await open(urlOf(front, '/usage/docs'), { viewport: { width: 400, height: 800 } });
  await execute('/repositories');
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
});

test('without scripts it says where else to look', async () => {
  await open(urlOf(front, '/usage/docs'), { javaScriptEnabled: false });
  const links = await page.getByRole('link').all();
  const hrefs = await Promise.all(links.map((link) => link.getAttribute('href')));
  expect(hrefs).toEqual(['./openapi.json', './']);
});
