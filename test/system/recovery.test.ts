import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LabService } from '../../lab/service.ts';
import {
  basic,
  expectNoSecret,
  figures,
  PASSWORD,
  said,
  signIn,
  startWholeLab,
  type WholeLab,
  WRONG_PASSWORD,
} from '../support/whole-lab.ts';

const NO_FAULTS = { delayMs: undefined, status: undefined };

/* The service while what it needs fails, and afterwards. */

let lab: WholeLab;
let service: LabService;

beforeAll(async () => {
  lab = await startWholeLab();
  service = await lab.start();
  await said(service, 'crawl finished');
});

afterAll(async () => {
  await service.stop();
  await lab.remove();
});

test('a registry that is killed and started again in the middle of a collection costs nothing but time', async () => {
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
    await said(one, 'crawl finished');
    expect(manifestsRead() - before).toBeGreaterThan(untilKilled + 20);
    expect(one.child.output()).not.toContain('crawl failed');
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    await lab.registry.start();
    await lab.stop(one);
  }
});

test('keeps the last snapshot when the registry is down, and tries again on request', async () => {
  const one = await lab.start({ general: { update_interval: '2 s' } });
  try {
    await said(one, 'crawl finished');
    const headers = await signIn(one);
    const timestamp = async () =>
      ((await (await fetch(`${one.url}/repositories`, { headers })).json()) as { timestamp: number }).timestamp;
    await lab.registry.kill();
    await said(one, 'crawl failed');
    const kept = await timestamp();
    expect(kept).toBeGreaterThan(1_700_000_000);
    expect((await fetch(`${one.url}/repositories/single`, { headers })).status).toBe(200);
    await lab.registry.start();
    const finished = one.child.output().split('crawl finished').length - 1;
    const begin = async () => (await fetch(`${one.url}/collection`, { method: 'POST', headers })).status;
    for (let status = await begin(); status !== 202; status = await begin()) {
      expect(status).toBe(429); // the registry gets a rest
      await sleep(500);
    }
    await said(one, 'crawl finished', finished + 1);
    expect(await timestamp()).toBeGreaterThan(kept);
  } finally {
    await lab.registry.start();
    await lab.stop(one);
  }
});

test.each([
  [401, 'the token service rejects the user name or the access token'],
  [500, 'the token service answered with status 500'],
])('a token service that answers %i is named in the log, and the service goes on', async (status, reason) => {
  lab.tokens.faults.status = status;
  const one = await lab.start();
  try {
    await said(one, reason);
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
])('a token service that %s for a while costs nothing but time', async (_, faults) => {
  const before = lab.tokens.requests.length;
  Object.assign(lab.tokens.faults, faults);
  const one = await lab.start({ registry: { request_timeout: '1 s' } });
  try {
    while (lab.tokens.requests.length < before + 3) await sleep(20);
    Object.assign(lab.tokens.faults, NO_FAULTS);
    await said(one, 'crawl finished');
    expect(one.child.output()).not.toContain('crawl failed');
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    Object.assign(lab.tokens.faults, NO_FAULTS);
    await lab.stop(one);
  }
});

test('tokens that live two seconds are renewed as often as it takes', async () => {
  lab.tokens.lifetimeSeconds = 2;
  const before = lab.tokens.requests.length;
  const one = await lab.startSlowly(60);
  try {
    await said(one, 'crawl finished');
    const times = new Map<string, number>();
    for (const scopes of lab.tokens.requests.slice(before)) {
      const set = scopes.toSorted().join(' ');
      times.set(set, (times.get(set) ?? 0) + 1);
    }
    // The registry would take the tokens for a minute more, so only the requests for the same again show that they are renewed.
    expect(Math.max(...times.values())).toBeGreaterThanOrEqual(3);
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    lab.tokens.lifetimeSeconds = 300;
    await lab.stop(one);
  }
});

test('a directory that is down is 503 and not 401, and signing in works again when it is back', async () => {
  await lab.directory.kill();
  const down = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', PASSWORD) });
  expect([down.status, down.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
  await said(service, `${lab.directory.ldapsUrl} refused the connection (ECONNREFUSED)`);
  await lab.directory.start();
  expect((await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', PASSWORD) })).status).toBe(200);
});

test('no secret of the run is in anything that was printed or answered', async () => {
  const { authorization = '' } = await signIn(service);
  const wrong = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', WRONG_PASSWORD) });
  const all = [...lab.outputs, service.child.output(), await wrong.text()].join('\n');
  expect(all.length).toBeGreaterThan(2000);
  expectNoSecret(all, lab);
  expect(all).not.toContain(authorization.slice('Bearer '.length));
});
