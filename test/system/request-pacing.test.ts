import type { RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type Served, serve } from '../../lab/serve.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../../src/registry/transport/http-client.ts';
import { CLIENT_DEFAULTS } from '../support/client-defaults.ts';

/* The pacing against servers with a limited capacity. The tests count requests and never measure time. */

const { signal } = new AbortController();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function started(listener: RequestListener): Promise<Served> {
  const server = await serve(listener);
  cleanups.push(server.stop);
  return server;
}

/** A clock that advances a little at each reading: with the real clock, a busy machine would look like a slow server. */
function quickClock(): () => number {
  let looks = 0;
  return () => looks++ / 1000;
}

function client(options: Partial<HttpOptions> = {}): HttpClient {
  const http = createHttpClient({
    ...CLIENT_DEFAULTS,
    concurrencyMin: 2,
    concurrencyMax: 32,
    retries: 20,
    steadyClock: quickClock(),
    ...options,
  });
  cleanups.push(http.close);
  return http;
}

/** Sends requests with as many workers as there may be connections, and returns the statuses. */
async function ask(http: HttpClient, url: string, count: number): Promise<ReadonlySet<number>> {
  const statuses = new Set<number>();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) statuses.add((await http.send(new URL(`/${left}`, url), { method: 'GET', signal })).status);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  return statuses;
}

/** A server that refuses more than `bears` concurrent requests. */
async function startRefusing(bears: number, headers: Record<string, string> = {}) {
  const state = { bears, refusals: 0, atOnce: 0 };
  const { url } = await started((_, response) => {
    response.on('close', () => state.atOnce--);
    if (++state.atOnce > state.bears) {
      state.refusals++;
      response.writeHead(429, headers).end();
    } else setTimeout(() => response.end(), 3);
  });
  return { url, state };
}

test('reaches the maximum concurrency within a thousand requests if the server handles everything', async () => {
  const { url } = await started((_, response) => response.end());
  const http = client();
  expect(http.concurrency()).toBe(8);
  expect(await ask(http, url, 1000)).toEqual(new Set([200]));
  expect(http.concurrency()).toBe(32);
  expect(http.requestsCount()).toBe(1000);
});

test('settles at about ten with a server that handles ten at once, and every request succeeds', async () => {
  const { url, state } = await startRefusing(10);
  const http = client();
  expect(await ask(http, url, 3000)).toEqual(new Set([200]));
  expect(state.refusals).toBeLessThan(150);
  expect(http.concurrency()).toBeGreaterThanOrEqual(2);
  expect(http.concurrency()).toBeLessThanOrEqual(15);
});

test('raises the concurrency when the server can handle more again', async () => {
  const { url, state } = await startRefusing(4);
  const http = client();
  await ask(http, url, 500);
  expect(http.concurrency()).toBeLessThanOrEqual(8);
  state.bears = 100;
  const before = state.refusals;
  await ask(http, url, 1500);
  expect(http.concurrency()).toBe(32);
  expect(state.refusals).toBe(before);
});

test('lowers the concurrency if the server becomes slow', async () => {
  let atOnce = 0;
  let most = 0;
  const { url } = await started((_, response) => {
    most = Math.max(most, ++atOnce);
    response.on('close', () => atOnce--);
    void (async () => {
      // While there are too many requests, all of them are slow.
      for (let steps = 0; atOnce > 10 && steps < 15; steps++) await sleep(25);
      await sleep(2);
      response.end();
    })();
  });
  const http = client({ steadyClock: () => performance.now() });
  expect(await ask(http, url, 600)).toEqual(new Set([200]));
  expect(most).toBeLessThan(28);
  expect(http.concurrency()).toBeLessThan(28);
});

test('lowers the concurrency if the server fails or closes connections', async () => {
  for (const trouble of [503, 502, undefined]) {
    let troubles = 1;
    const { url } = await started((_, response) => {
      if (troubles-- <= 0) response.end();
      else if (trouble === undefined) response.destroy();
      else response.writeHead(trouble).end();
    });
    const http = client();
    await ask(http, url, 1);
    expect(http.concurrency(), String(trouble)).toBe(2);
  }
});

test('lowers the concurrency after timeouts', async () => {
  let isFirst = true;
  const { url } = await started((_, response) => {
    if (!isFirst) response.end();
    isFirst = false;
  });
  const http = client({ timeoutMs: 100 });
  await ask(http, url, 1);
  expect(http.concurrency()).toBe(2);
});

test('keeps the concurrency after broken and missing tags', async () => {
  const { url } = await started((request, response) =>
    response.writeHead(request.url?.endsWith('7') ? 500 : 404).end(),
  );
  const http = client({ retries: 1 });
  expect(await ask(http, url, 1000)).toEqual(new Set([404, 500]));
  expect(http.concurrency()).toBeGreaterThanOrEqual(8);
});

test('takes an error that a retry does not meet as a sign of overload', async () => {
  let isFirst = true;
  const { url } = await started((_, response) => {
    response.writeHead(isFirst ? 500 : 200).end();
    isFirst = false;
  });
  const http = client();
  expect(await ask(http, url, 1)).toEqual(new Set([200]));
  expect(http.concurrency()).toBe(2);
});

test('delays only the request that met a single refusal', async () => {
  const controller = new AbortController();
  const { url } = await started((request, response) =>
    response.writeHead(request.url === '/told' ? 429 : 200, { 'retry-after': '100' }).end(),
  );
  const http = client();
  const told = http.send(new URL('/told', url), { method: 'GET', signal: controller.signal });
  expect(await ask(http, url, 100)).toEqual(new Set([200]));
  controller.abort();
  await expect(told).rejects.toThrow(/abort/i);
});

test('pauses all requests if all are refused, until an abort', async () => {
  const controller = new AbortController();
  const paths = new Set<string>();
  const { url } = await started((request, response) => {
    paths.add(request.url ?? '');
    response.writeHead(429, { 'retry-after': new Date(100_000).toUTCString() }).end();
  });
  let looks = 0;
  const http = client({
    clock() {
      looks++;
      return 0;
    },
  });
  const send = (path: string) => http.send(new URL(path, url), { method: 'GET', signal: controller.signal });
  const refused = ['/a', '/b', '/c'].map(send);
  while (looks < 6) await sleep(5); // readings of the clock, two per response
  const later = [send('/d'), send('/e')];
  await sleep(50);
  expect([...paths].sort()).toEqual(['/a', '/b', '/c']);
  controller.abort();
  for (const { status } of await Promise.allSettled([...refused, ...later])) expect(status).toBe('rejected');
});

test.each([
  ['no time', {}],
  ['a time that cannot be understood', { 'retry-after': 'soon' }],
  ['a time that has passed', { 'retry-after': '1500000000' }],
])('tries again after a 429 with %s, more often than after other failures', async (_, headers) => {
  let refusals = 3;
  const { url } = await started((_, response) => response.writeHead(refusals-- > 0 ? 429 : 200, headers).end());
  expect(await ask(client({ retries: 2 }), url, 1)).toEqual(new Set([200]));
});

test('tries again after an error whose lines end with a line feed alone', async () => {
  let isFirst = true;
  const { url } = await started((request, response) => {
    if (!isFirst) return void response.end();
    isFirst = false;
    request.socket.end('HTTP/1.1 429 Too Many Requests\nConnection: close\nRetry-After: 2\n\ntoo many\n');
  });
  expect(await ask(client(), url, 1)).toEqual(new Set([200]));
});

test('shows since when and until when all requests are held up', async () => {
  const controller = new AbortController();
  let isLimited = true;
  const { url } = await started((_, response) =>
    response.writeHead(isLimited ? 429 : 200, { 'retry-after': '100' }).end(),
  );
  const http = client({ clock: () => 1_000_000, steadyClock: () => 0 });
  expect(http.heldUp()).toBeUndefined();
  const waiting = http.send(new URL('/a', url), { method: 'GET', signal: controller.signal });
  while (http.heldUp() === undefined) await sleep(5);
  expect(http.heldUp()).toEqual({ since: 1_000_000, until: 1_100_000 });
  isLimited = false;
  await http.send(new URL('/token', url), { method: 'GET', signal, isVital: true });
  expect(http.heldUp()).toBeDefined();
  await ask(http, url, 1);
  expect(http.heldUp()).toBeUndefined();
  controller.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
});

test('ends with an outage if the limit of all requests lasts for longer than ten minutes', async () => {
  const { url } = await started((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
  const http = client();
  const send = () => http.send(new URL('/a', url), { method: 'GET', signal });
  expect([(await send()).status, (await send()).status]).toEqual([429, 429]);
  await expect(send()).rejects.toMatchObject({ kind: 'unavailable', status: 429 });
});

test('requests a token before the requests that depend on it', async () => {
  const paths: string[] = [];
  let release: (() => void) | undefined;
  const { url } = await started((request, response) => {
    paths.push(request.url ?? '');
    if (request.url === '/first') release = () => response.end();
    else response.end();
  });
  const http = client({ concurrencyMin: 1, concurrencyMax: 1 });
  const send = (path: string) => http.send(new URL(path, url), { method: 'GET', signal });
  const all = ['/first', ...Array.from({ length: 50 }, (_, i) => `/${i}`)].map(send);
  all.push(http.send(new URL('/token', url), { method: 'GET', signal, isVital: true }));
  while (release === undefined) await sleep(5);
  release();
  await Promise.all(all);
  expect(paths.slice(0, 3)).toEqual(['/first', '/token', '/0']);
});

test('limits the requests per second of all requests together', async () => {
  const { url } = await started((_, response) => response.end());
  const http = client({ requestsPerSecond: 100, steadyClock: () => performance.now() });
  const startedAt = performance.now();
  await ask(http, url, 60);
  expect(performance.now() - startedAt).toBeGreaterThan(490); // a burst of ten, then one every 10 ms
});
