import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type LabBrowser, startBrowser } from '../../lab/browser.ts';
import { type LabNginx, startNginx } from '../../lab/nginx.ts';
import { SAMPLE_OPENAPI } from '../support/sample-openapi.ts';
import { type ListeningServer, startTestServer, TOKEN } from '../support/server.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Opens /docs in Chromium, below a prefix and through an nginx that strips one. The server answers all requests except that for the OpenAPI
 * document: the tests replace it by a small one with known content. */

let server: ListeningServer;
let serverWithoutPrefix: ListeningServer;
let nginx: LabNginx;
let browser: LabBrowser;
/** The page of the current test, its requests, and its errors and warnings, which include violations of the content security policy. */
let page: Page;
let requests: string[];
let complaints: string[];
/** Stop the started programs, in the opposite order, also if a later one could not be started. */
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  [server, serverWithoutPrefix] = await Promise.all([startTestServer(), startTestServer({ prefix: '' })]);
  cleanups.push(server.close, serverWithoutPrefix.close);
  nginx = await startNginx((port) => stripping('/tools/usage/', port));
  cleanups.push(nginx.stop);
  browser = await startBrowser();
  cleanups.push(browser.stop);
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function stripping(prefix: string, port: number): string {
  return `server { listen 127.0.0.1:${port}; location ${prefix} { proxy_pass http://127.0.0.1:${serverWithoutPrefix.port}/; } }`;
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

/** Fills in the fields of a scheme: a bearer token, or a name and a password. */
async function authorize(name: 'Bearer' | 'Basic', ...values: readonly string[]): Promise<void> {
  await button('Authorize').click();
  const scheme = page.locator('.auth-container', { hasText: `http, ${name}` });
  for (const [at, value] of values.entries()) await scheme.locator('input').nth(at).fill(value);
  await scheme.getByRole('button', { name: 'Apply credentials' }).click();
  await scheme.getByRole('button', { name: 'Close' }).click();
}

/** Runs an operation in the page. Returns the response that the page shows. */
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

test.for(['/usage/docs', '/usage/docs/'])('%s shows the document without errors or warnings', async (path) => {
  await open(urlOf(server, path));
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
      .map((asked) => `GET ${urlOf(server, asked)}`)
      .toSorted(),
  );
  expect(complaints).toEqual([]);
});

test('runs an operation with a token, and shows the response', async () => {
  await open(urlOf(server, '/usage/docs'));
  await authorize('Bearer', TOKEN);
  const { status, text } = await execute('/repositories');
  expect(status).toBe('200');
  expect(JSON.parse(text)).toMatchObject({ tags_count: 2, complete: true });
  expect(requests.at(-1)).toBe(`GET ${urlOf(server, '/usage/repositories')}`);
  expect(complaints).toEqual([]);
});

test('focuses the token field when the dialog for authorization opens', async () => {
  await open(urlOf(server, '/usage/docs'));
  await button('Authorize').click();
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('auth-bearer-value');
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await page.locator('.auth-container', { hasText: 'http, Bearer' }).getByText('Authorized').waitFor();
  expect(complaints).toEqual([]);
});

test('shows the 401 response without a token', async () => {
  await open(urlOf(server, '/usage/docs'));
  const { status, text } = await execute('/repositories');
  expect(status).toContain('401');
  expect(JSON.parse(text)).toMatchObject({ detail: expect.stringMatching(/bearer token/i) });
});

test('requests a token with a user name and a password', async () => {
  await open(urlOf(server, '/usage/docs'));
  await authorize('Basic', 'alice', 'right');
  const { status, text } = await execute('/auth_token');
  expect(status).toBe('200');
  expect(JSON.parse(text)).toMatchObject({ auth_token: TOKEN });
  expect(complaints).toEqual([]);
});

test('stores no token in the browser, and forgets it on reload', async () => {
  await open(urlOf(server, '/usage/docs'));
  await authorize('Bearer', TOKEN);
  expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
  await page.reload();
  expect((await execute('/repositories')).status).toContain('401');
});

test.for(['/docs', '/docs/'])('%s works behind a proxy that strips a prefix', async (path) => {
  const outside = `http://127.0.0.1:${nginx.port}/tools/usage`;
  await open(`${outside}${path}`);
  await authorize('Bearer', TOKEN);
  expect((await execute('/repositories')).status).toBe('200');
  for (const asked of requests) expect(asked).toContain(` ${outside}/`);
  expect(complaints).toEqual([]);
});

test('loads no other document, even with a crafted link', async () => {
  const other = 'http://127.0.0.1:9/other.json';
  await open(urlOf(server, `/usage/docs?url=${other}&configUrl=${other}&urls.primaryName=x#/?url=${other}`));
  await page.locator('.opblock').first().waitFor();
  expect(requests.filter((asked) => asked.startsWith('GET http://127.0.0.1:9'))).toEqual([]);
  expect(complaints).toEqual([]);
});

test('does not run scripts in the texts of a document', async () => {
  const evil = '<img src=x onerror="window.hasRun = true"><script>window.hasRun = true</script><b>bold</b>';
  await open('about:blank');
  await page.unroute('**/openapi.json');
  const json = { ...SAMPLE_OPENAPI, info: { ...SAMPLE_OPENAPI.info, title: evil, description: evil } };
  await page.route('**/openapi.json', (route) => route.fulfill({ json }));
  await page.goto(urlOf(server, '/usage/docs'));
  await page.locator('.opblock').first().waitFor();
  expect(await page.evaluate('window.hasRun')).toBeUndefined();
});

test('follows the color scheme of the user, also when it changes', async () => {
  const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
  await open(urlOf(server, '/usage/docs'), { colorScheme: 'dark' });
  await page.locator('.opblock').first().waitFor();
  const dark = await background();
  await page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(background).not.toBe(dark);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(background).toBe(dark);
});

test('fits the width of a telephone', async () => {
  await open(urlOf(server, '/usage/docs'), { viewport: { width: 400, height: 800 } });
  await execute('/repositories');
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);
});

test('links to the document and the API if scripts are disabled', async () => {
  await open(urlOf(server, '/usage/docs'), { javaScriptEnabled: false });
  const links = await page.getByRole('link').all();
  const hrefs = await Promise.all(links.map((link) => link.getAttribute('href')));
  expect(hrefs).toEqual(['./openapi.json', './']);
});
