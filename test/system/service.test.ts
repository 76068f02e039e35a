import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forward } from '../../lab/forward.ts';
import type { LabService } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import {
  basic,
  expectNoSecret,
  PASSWORD,
  signIn,
  startWholeLab,
  type WholeLab,
  WRONG_PASSWORD,
  waitForLog,
} from '../support/whole-lab.ts';

/* The service as an operator runs it: a process with a configuration file, a real registry and a real LDAP directory. */

let lab: WholeLab;
let service: LabService;

beforeAll(async () => {
  lab = await startWholeLab();
  service = await lab.start();
});

afterAll(async () => {
  await service.stop();
  await lab.remove();
});

test('returns the sizes of every repository and tag to a user who signs in', async () => {
  await waitForLog(service, 'crawl finished');
  const headers = await signIn(service);
  const response = await fetch(`${service.url}/repositories?embed=true&links=true`, { headers });
  expect(response.headers.get('content-type')).toBe('application/hal+json');
  const root = (await response.json()) as { timestamp: number; _embedded: { items: { name: string; size: number }[] } };
  expect(root.timestamp).toBeGreaterThan(1_700_000_000);
  expect(root._embedded.items.map(({ name }) => name)).toContain('group/sub/project/image');
  const one = await fetch(`${service.url}/repositories/group%2Fapp/tags/latest`, { headers });
  expect(await one.json()).toMatchObject({ name: 'latest', disk_size: 0, status: 'ok' });
});

test('logs the numbers of a finished crawl in one line of JSON', async () => {
  await waitForLog(service, 'crawl finished');
  const line =
    service.child
      .output()
      .split('\n')
      .find((text) => text.includes('crawl finished')) ?? '';
  expect(JSON.parse(line)).toMatchObject({
    level: 30,
    gaps: 1,
    repositories: expect.any(Number),
    tags: expect.any(Number),
    requests: expect.any(Number),
    seconds: expect.any(Number),
  });
});

test('logs every request with user, status and milliseconds, and without its query', async () => {
  await waitForLog(service, 'crawl finished');
  const headers = await signIn(service);
  await fetch(`${service.url}/repositories/single?embed=true&token=sneaky-query-secret`, { headers });
  await waitForLog(service, '"path":"/repositories/single"');
  const line =
    service.child
      .output()
      .split('\n')
      .find((text) => text.includes('"path":"/repositories/single"')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ user: 'jürgen', method: 'GET', status: 200, ms: expect.any(Number) });
  expect(service.child.output()).not.toContain('sneaky-query-secret');
});

test('logs the origin of every setting, without its value, and the progress of a crawl at level debug', async () => {
  const one = await lab.startSlowly(60, { general: { debug: 'True' } });
  try {
    await waitForLog(one, '"crawl progress"');
    const lines = one.child.output().split('\n');
    const line = (event: string) =>
      JSON.parse(lines.find((text) => text.includes(`"msg":"${event}"`)) ?? '{}') as object;
    const place = expect.stringMatching(/service\.conf:\d+$/);
    expect(line('settings')).toMatchObject({
      level: 20,
      origins: { 'general.debug': place, 'jwt.secret_key': place, 'registry.access_token': place },
    });
    expect(line('crawl progress')).toMatchObject({
      level: 20,
      repositoriesRead: expect.any(Number),
      tagsRead: expect.any(Number),
      requests: expect.any(Number),
    });
  } finally {
    await lab.stop(one);
  }
});

test('listens during the first crawl, reports that it is not ready, and returns null for the figures', async () => {
  lab.tokens.faults.delayMs = 1500;
  const one = await lab.start();
  try {
    const headers = await signIn(one);
    expect(await (await fetch(`${one.url}/repositories`, { headers })).json()).toEqual({
      timestamp: null,
      complete: false,
    });
    const below = await fetch(`${one.url}/repositories/single`, { headers });
    expect([below.status, below.headers.get('retry-after')]).toEqual([503, '10']);
    expect((await fetch(`${one.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${one.url}/health/ready`)).status).toBe(503);
    lab.tokens.faults.delayMs = undefined;
    await waitForLog(one, 'crawl finished');
    expect((await fetch(`${one.url}/health/ready`)).status).toBe(200);
  } finally {
    lab.tokens.faults.delayMs = undefined;
    await lab.stop(one);
  }
});

test('accepts notifications that carry the configured secret, and returns 404 if no secret is configured', async () => {
  const secret = 'the secret of the events: 100% secret';
  const one = await lab.start({ events: { secret } });
  const send = ({ url }: LabService, authorization: string) =>
    fetch(`${url}/events`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ events: [{ action: 'push', target: { repository: 'single', tag: 'latest' } }] }),
    }).then(({ status }) => status);
  try {
    expect(await send(one, secret)).toBe(202);
    expect(await send(one, (await signIn(one))['authorization'] ?? '')).toBe(401);
    expect(await send(service, secret)).toBe(404);
    await waitForLog(one, '"path":"/events","status":401');
    await waitForLog(one, 'repositories read after notification');
    expect(one.child.output()).not.toContain(secret);
  } finally {
    await lab.stop(one);
  }
});

test('exits with 0 within five seconds after SIGTERM during a crawl', async () => {
  lab.tokens.faults.delayMs = 20_000;
  const one = await lab.start();
  try {
    await waitForLog(one, 'crawl started');
    const startedAt = Date.now();
    expect(await lab.stop(one)).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(5000);
  } finally {
    lab.tokens.faults.delayMs = undefined;
  }
});

test('exits with 0 after SIGTERM if the store was moved away, and logs that it was not closed properly', async () => {
  await inNewDirectory('moved', async (directory) => {
    const one = await lab.start({ store: { url: `sqlite://${directory}/usage.db` } });
    await waitForLog(one, 'crawl finished');
    await rename(join(directory, 'usage.db'), join(directory, 'moved.db'));
    const { pid } = one.child;
    process.kill(pid, 'SIGTERM');
    expect(await one.child.ended).toBe(0);
    const output = one.child.output();
    expect(output).not.toMatch(/StoreError|at .*\.ts/);
    await one.stop();
    await removeDirectory(directory);
  });
});

test('completes a running request after SIGTERM, and then exits with 0', async () => {
  const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const directory = await forward('127.0.0.1', Number(new URL(lab.directory.ldapsUrl).port), () => {
    arrived.resolve();
    return released.promise;
  });
  const one = await lab.start({ ldap: { host: `ldaps://127.0.0.1:${directory.port}` } });
  try {
    const response = fetch(`${one.url}/auth_token`, { headers: basic('jürgen', PASSWORD) });
    await arrived.promise;
    const silent = connect(Number(new URL(one.url).port), '127.0.0.1').on('error', () => undefined);
    await once(silent, 'connect');
    const exitCode = lab.stop(one);
    await waitForLog(one, 'stopping');
    const releasedAt = performance.now();
    released.resolve();
    expect((await response).status).toBe(200);
    expect(await exitCode).toBe(0);
    // Well before the time limit at which the service closes all connections: it has waited neither for the idle keep-alive connection nor for
    // the connection without a request.
    expect(performance.now() - releasedAt).toBeLessThan(4000);
  } finally {
    await lab.stop(one);
    await directory.stop();
  }
});

test('exits with 1 and one line if another process uses the port', async () => {
  const port = Number(new URL(service.url).port);
  const failure = await lab.start({ general: { socket_port: port, log_level: 'error' } }).catch(String);
  expect(failure).toContain(`cannot listen on 127.0.0.1, port ${port}: another process uses this address\n`);
  expect(failure).not.toContain('    at ');
});

test('prints and returns no secret', async () => {
  const { authorization = '' } = await signIn(service);
  const wrong = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', WRONG_PASSWORD) });
  const all = [...lab.outputs, service.child.output(), await wrong.text()].join('\n');
  expect(all.length).toBeGreaterThan(2000);
  expectNoSecret(all, lab);
  expect(all).not.toContain(authorization.slice('Bearer '.length));
});
