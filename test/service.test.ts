import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pushSampleContent } from '../lab/content.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../lab/directory.ts';
import { createPusher } from '../lab/push.ts';
import { type LabRegistry, startRegistry } from '../lab/registry.ts';
import { type LabService, type Settings, startService } from '../lab/service.ts';
import { slowed } from '../lab/slowed.ts';
import { type LabTokenService, startTokenService } from '../lab/token-service.ts';

/* The service as an operator has it: its own process, its own file, a real registry and a real directory. */

const ACCESS_TOKEN = 'glpat-access%token';
const SECRET_KEY = 'the secret key of this run: 100% secret';
const PASSWORD = 'pä:s:wörd';

let tokens: LabTokenService;
let registry: LabRegistry;
let directory: LabDirectory;
let service: LabService;
const outputs: string[] = [];

beforeAll(async () => {
  [tokens, directory] = await Promise.all([
    startTokenService([{ username: 'crawler', accessToken: ACCESS_TOKEN, isAdmin: true }]),
    startDirectory({ isAnonymousAllowed: false }),
  ]);
  registry = await startRegistry({ tokens });
  await pushSampleContent(createPusher(registry, tokens));
  service = await start();
});

afterAll(async () => {
  await service.stop();
  await Promise.all([registry.remove(), directory.remove()]);
  await tokens.stop();
});

function settings(general: Settings[string] = {}, ofRegistry: Settings[string] = {}): Settings {
  const { reader } = directory;
  return {
    general,
    ldap: {
      host: directory.ldapsUrl,
      base_dn: directory.baseDn,
      valid_gid: VALID_GID,
      ca_file: directory.caFile,
      bind_dn: reader.dn,
      bind_password: reader.password,
      timeout: '2 s',
    },
    jwt: { secret_key: SECRET_KEY, auth_token_expires: '1h' },
    registry: {
      gitlab_base_url: tokens.url,
      registry_base_url: `${registry.url}/`,
      username: 'crawler',
      access_token: ACCESS_TOKEN,
      ...ofRegistry,
    },
  };
}

function start(general?: Settings[string], ofRegistry?: Settings[string]): Promise<LabService> {
  return startService(settings(general, ofRegistry));
}

/** Collects one request after the other, of which each takes so long: enough of a collection to do something in the middle of it. */
async function startSlowly(delayMs: number): Promise<LabService> {
  const slow = await slowed(registry.url, delayMs);
  const one = await start({}, { registry_base_url: slow.url, connections: 1 });
  return { ...one, stop: () => one.stop().then(slow.stop) };
}

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

async function signIn({ url }: LabService): Promise<Record<string, string>> {
  const response = await fetch(`${url}/auth_token`, { headers: basic('jürgen', PASSWORD) });
  const { auth_token } = (await response.json()) as { auth_token: string };
  return { authorization: `Bearer ${auth_token}` };
}

/** All that a service says of the registry, but for the time. */
async function figures(one: LabService): Promise<object> {
  const response = await fetch(`${one.url}/repositories?embed=true`, { headers: await signIn(one) });
  const { _embedded } = (await response.json()) as { _embedded: { items: object[] } };
  return _embedded;
}

/** Waits until the process has said that. */
async function said({ child }: LabService, text: string, times = 1): Promise<void> {
  for (let tries = 0; child.output().split(text).length <= times; tries++) {
    if (tries > 1500) throw new Error(`it never said "${text}", but:\n${child.output()}`);
    await sleep(20);
  }
}

async function stopped(one: LabService): Promise<number | null> {
  await one.stop();
  outputs.push(one.child.output());
  return one.child.ended;
}

test('a user signs in and reads the sizes of every repository and tag', async () => {
  await said(service, 'collection finished');
  const headers = await signIn(service);
  const response = await fetch(`${service.url}/repositories?embed=true&links=true`, { headers });
  expect(response.headers.get('content-type')).toBe('application/hal+json');
  const root = (await response.json()) as { timestamp: number; _embedded: { items: { name: string; size: number }[] } };
  expect(root.timestamp).toBeGreaterThan(1_700_000_000);
  expect(root._embedded.items.map(({ name }) => name)).toContain('group/sub/project/image');
  const one = await fetch(`${service.url}/repositories/group%2Fapp/tags/latest`, { headers });
  expect(await one.json()).toMatchObject({ name: 'latest', disk_size: 0, status: 'ok' });
});

test('the log says what was collected, in one line of JSON', async () => {
  await said(service, 'collection finished');
  const line =
    service.child
      .output()
      .split('\n')
      .find((text) => text.includes('collection finished')) ?? '';
  expect(JSON.parse(line)).toMatchObject({
    level: 30,
    gaps: 1,
    repositories: expect.any(Number),
    tags: expect.any(Number),
    requests: expect.any(Number),
    seconds: expect.any(Number),
  });
});

test('the log has a line for every request, with user, status and milliseconds, and without the query', async () => {
  await said(service, 'collection finished');
  const headers = await signIn(service);
  await fetch(`${service.url}/repositories/single?embed=true&token=sneaky-query-secret`, { headers });
  await said(service, '"path":"/repositories/single"');
  const line =
    service.child
      .output()
      .split('\n')
      .find((text) => text.includes('"path":"/repositories/single"')) ?? '';
  expect(JSON.parse(line)).toMatchObject({ user: 'jürgen', method: 'GET', status: 200, ms: expect.any(Number) });
  expect(service.child.output()).not.toContain('sneaky-query-secret');
});

test('it listens before the first collection has finished, says that it is not ready, and answers null', async () => {
  tokens.faults.delayMs = 1500;
  const one = await start();
  try {
    const headers = await signIn(one);
    expect(await (await fetch(`${one.url}/repositories`, { headers })).json()).toEqual({ timestamp: null });
    const below = await fetch(`${one.url}/repositories/single`, { headers });
    expect([below.status, below.headers.get('retry-after')]).toEqual([503, '10']);
    expect((await fetch(`${one.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${one.url}/health/ready`)).status).toBe(503);
    tokens.faults.delayMs = undefined;
    await said(one, 'collection finished');
    expect((await fetch(`${one.url}/health/ready`)).status).toBe(200);
  } finally {
    tokens.faults.delayMs = undefined;
    await stopped(one);
  }
});

test('SIGTERM ends it with 0 within five seconds, in the middle of a collection', async () => {
  tokens.faults.delayMs = 20_000;
  const one = await start();
  try {
    await said(one, 'collection started');
    const startedAt = Date.now();
    expect(await stopped(one)).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(5000);
  } finally {
    tokens.faults.delayMs = undefined;
  }
});

test('a registry that is killed and started again in the middle of a collection costs nothing but time', async () => {
  const manifestsRead = () => registry.output().split(/"GET \/v2\/\S+\/manifests\//).length - 1;
  const before = manifestsRead();
  const one = await startSlowly(30);
  try {
    while (manifestsRead() < before + 5) await sleep(5);
    await registry.kill();
    const untilKilled = manifestsRead() - before;
    await said(one, 'collection started');
    expect(one.child.output()).not.toContain('collection finished');
    await sleep(1000);
    await registry.start();
    await said(one, 'collection finished');
    expect(manifestsRead() - before).toBeGreaterThan(untilKilled + 20);
    expect(one.child.output()).not.toContain('collection failed');
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    await stopped(one);
  }
});

test('a registry that is gone leaves the last snapshot, with its own time, and is tried again', async () => {
  const one = await start({ update_interval: '2 s' });
  try {
    await said(one, 'collection finished');
    const headers = await signIn(one);
    const timestamp = async () =>
      ((await (await fetch(`${one.url}/repositories`, { headers })).json()) as { timestamp: number }).timestamp;
    await registry.kill();
    await said(one, 'collection failed');
    const kept = await timestamp();
    expect(kept).toBeGreaterThan(1_700_000_000);
    expect((await fetch(`${one.url}/repositories/single`, { headers })).status).toBe(200);
    await registry.start();
    const finished = one.child.output().split('collection finished').length - 1;
    await said(one, 'collection finished', finished + 1);
    expect(await timestamp()).toBeGreaterThan(kept);
  } finally {
    await registry.start();
    await stopped(one);
  }
});

test.each([
  [401, 'the token service refuses the user name or the access token'],
  [500, 'the token service answered with status 500'],
])('a token service that answers %i is named in the log, and the service goes on', async (status, reason) => {
  tokens.faults.status = status;
  const one = await start();
  try {
    await said(one, reason);
    expect((await fetch(`${one.url}/health/live`)).status).toBe(200);
    const requestsCount = tokens.requests.length;
    if (status === 401) {
      await sleep(500);
      expect(tokens.requests.length).toBe(requestsCount);
    }
  } finally {
    tokens.faults.status = undefined;
    await stopped(one);
  }
});

test('tokens that live two seconds are renewed as often as it takes', async () => {
  tokens.lifetimeSeconds = 2;
  const before = tokens.requests.length;
  const one = await startSlowly(60);
  try {
    await said(one, 'collection finished');
    const times = new Map<string, number>();
    for (const scopes of tokens.requests.slice(before)) {
      const set = scopes.toSorted().join(' ');
      times.set(set, (times.get(set) ?? 0) + 1);
    }
    // The registry would take the tokens for a minute more, so only the requests for the same again show that they are renewed.
    expect(Math.max(...times.values())).toBeGreaterThanOrEqual(3);
    expect(await figures(one)).toEqual(await figures(service));
  } finally {
    tokens.lifetimeSeconds = 300;
    await stopped(one);
  }
});

test('a directory that is down is 503 and not 401, and signing in works again when it is back', async () => {
  await directory.kill();
  const down = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', PASSWORD) });
  expect([down.status, down.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
  await directory.start();
  expect((await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', PASSWORD) })).status).toBe(200);
});

test('a second service on the same port says so in one line, and ends with 1', async () => {
  const port = Number(new URL(service.url).port);
  const failure = await start({ socket_port: port, log_level: 'error' }).catch(String);
  expect(failure).toContain(`cannot listen on 127.0.0.1, port ${port}: something else listens there\n`);
  expect(failure).not.toContain('    at ');
});

test('no secret of the run is in anything that was printed or answered', async () => {
  const headers = await signIn(service);
  const wrong = await fetch(`${service.url}/auth_token`, { headers: basic('jürgen', 'wrong-password-of-jürgen') });
  outputs.push(service.child.output(), await wrong.text());
  const all = outputs.join('\n');
  const { authorization = '' } = headers;
  const secrets = [
    ACCESS_TOKEN,
    SECRET_KEY,
    PASSWORD,
    directory.reader.password,
    'wrong-password-of-jürgen',
    authorization.slice('Bearer '.length),
  ];
  expect(all.length).toBeGreaterThan(2000);
  for (const secret of secrets) {
    for (const form of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(`crawler:${secret}`).toString('base64'),
    ]) {
      expect(all).not.toContain(form);
    }
  }
  expect(all).not.toMatch(/eyJ[\w-]+\.eyJ/);
});
