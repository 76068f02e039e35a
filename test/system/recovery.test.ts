import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LabService } from '../../lab/service.ts';
import {
  basic,
  expectNoSecret,
  figures,
  PASSWORD,
  signIn,
  startWholeLab,
  type WholeLab,
  WRONG_PASSWORD,
  waitForLog,
} from '../support/whole-lab.ts';

const NO_FAULTS = { delayMs: undefined, status: undefined };

/* The service while the registry, the token service or the directory fails, and afterwards. */

let lab: WholeLab;
let service: LabService;

beforeAll(async () => {
  lab = await startWholeLab();
  service = await lab.start();
  await waitForLog(service, 'crawl finished');
});

afterAll(async () => {
  await service.stop();
  await lab.remove();
});

test('completes a crawl during which the registry was killed and started again', async () => {
  const manifestsRead = () => lab.registry.output().split(/"GET \/v2\/\S+\/manifests\//).length - 1;
  const before = manifestsRead();
  const one = await lab.startSlowly(30);
  try {
    while (manifestsRead() < before + 5) await sleep(5);
    await lab.registry.kill();
    const untilKilled = manifestsRead() - before;
    expect(one.child.output()).not.toContain('crawl finished');
    await sleep(1000);
    await lab.registry.start();
    await waitForLog(one, 'crawl finished');
    expect(manifestsRead() - before).toBeGreaterThan(untilKilled + 20);
    expect(one.child.output()).not.toContain('crawl failed');
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    await lab.registry.start();
    await lab.stop(one);
  }
});

test('keeps the last snapshot while the registry is down, and starts a crawl on request when it is back', async () => {
  const one = await lab.start({ general: { update_interval: '2 s' } });
  try {
    await waitForLog(one, 'crawl finished');
    const headers = await signIn(one);
    const timestamp = async () =>
      ((await (await fetch(`${one.url}/repositories`, { headers })).json()) as { timestamp: number }).timestamp;
    await lab.registry.kill();
    await waitForLog(one, 'crawl failed');
    const kept = await timestamp();
    expect(kept).toBeGreaterThan(1_700_000_000);
    expect((await fetch(`${one.url}/repositories/single`, { headers })).status).toBe(200);
    await lab.registry.start();
    const finished = one.child.output().split('crawl finished').length - 1;
    const begin = async () => (await fetch(`${one.url}/collection`, { method: 'POST', headers })).status;
    for (let status = await begin(); status !== 202; status = await begin()) {
      expect(status).toBe(429); // the pause after a failure has not passed
      await sleep(500);
    }
    await waitForLog(one, 'crawl finished', finished + 1);
    expect(await timestamp()).toBeGreaterThan(kept);
  } finally {
    await lab.registry.start();
    await lab.stop(one);
  }
});

test.each([
  [401, 'the token service rejects the user name or the access token'],
  [500, 'the token service answered with status 500'],
])('logs that the token service answers %i, and keeps running', async (status, reason) => {
  lab.tokens.faults.status = status;
  const one = await lab.start();
  try {
    await waitForLog(one, reason);
    expect(one.child.output()).toContain('crawl failed');
    expect((await fetch(`${one.url}/health/live`)).status).toBe(200);
    const requestsCount = lab.tokens.requests.length;
    if (status === 401) {
      await sleep(500);
      expect(lab.tokens.requests.length).toBe(requestsCount);
    }
  } finally {
    lab.tokens.faults.status = undefined;
    await lab.stop(one);
  }
});

test.each([
  ['is slower than the timeout', { delayMs: 2500 }],
  ['answers 502', { status: 502 }],
])('completes a crawl during which the token service %s for a while', async (_, faults) => {
  const before = lab.tokens.requests.length;
  Object.assign(lab.tokens.faults, faults);
  const one = await lab.start({ registry: { request_timeout: '1 s' } });
  try {
    while (lab.tokens.requests.length < before + 3) await sleep(20);
    Object.assign(lab.tokens.faults, NO_FAULTS);
    await waitForLog(one, 'crawl finished');
    expect(one.child.output()).not.toContain('crawl failed');
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    Object.assign(lab.tokens.faults, NO_FAULTS);
    await lab.stop(one);
  }
});

test('renews tokens that expire after two seconds during a crawl', async () => {
  lab.tokens.lifetimeSeconds = 2;
  const before = lab.tokens.requests.length;
  const one = await lab.startSlowly(60);
  try {
    await waitForLog(one, 'crawl finished');
    const times = new Map<string, number>();
    for (const scopes of lab.tokens.requests.slice(before)) {
      const set = scopes.toSorted().join(' ');
      times.set(set, (times.get(set) ?? 0) + 1);
    }
    // The registry accepts a token for a minute after it has expired, so only repeated requests for the same scopes show that tokens are renewed.
    expect(Math.max(...times.values())).toBeGreaterThanOrEqual(3);
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    lab.tokens.lifetimeSeconds = 300;
    await lab.stop(one);
  }
});

test('returns 503 for a sign-in while the directory is down, and 200 when it is back', async () => {
  await lab.directory.kill();
  const down = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', PASSWORD) });
  expect([down.status, down.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
  await waitForLog(service, `${lab.directory.ldapsUrl} refused the connection (ECONNREFUSED)`);
  await lab.directory.start();
  expect((await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', PASSWORD) })).status).toBe(200);
});

test('prints and returns no secret', async () => {
  const { authorization = '' } = await signIn(service);
  const wrong = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', WRONG_PASSWORD) });
  const all = [...lab.outputs, service.child.output(), await wrong.text()].join('\n');
  expect(all.length).toBeGreaterThan(2000);
  expectNoSecret(all, lab);
  expect(all).not.toContain(authorization.slice('Bearer '.length));
});
