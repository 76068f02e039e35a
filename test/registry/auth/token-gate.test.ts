import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createSnapshotTaker } from '../../../src/crawl/snapshots.ts';
import type { RepositoryName } from '../../../src/domain/names.ts';
import { connect, found } from '../../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../../support/stand-in.ts';
import { snapshotTakerOptions } from '../../support/take-snapshot.ts';

/* A token service is not asked by all at once, and not again and again by whom it refuses: it would ban them. */

const { signal } = new AbortController();
const NAMES = Array.from({ length: 50 }, (_, i) => `group/r${i}` as RepositoryName);
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A registry whose tokens are asked for at the same address. */
async function startGuarded(tokens: () => Promise<Answer>): Promise<StandIn> {
  const server = await startStandIn((request, { pathname }) => {
    if (pathname === '/jwt/auth') return tokens();
    if (request.headers.authorization !== undefined) return { body: { tags: [] } };
    const realm = `http://${request.headers.host}/jwt/auth`;
    return { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="lab"` } };
  });
  cleanups.push(server.stop);
  return server;
}

const tokenRequests = ({ requests }: StandIn) => requests.filter(({ url }) => url.startsWith('/jwt/auth')).length;

const user = { username: 'crawler', accessToken: 'wrong', concurrencyMax: 32, concurrencyMin: 32 } as const;

test.each([401, 403])(
  'credentials that are refused with %i are shown a few times, and not again for half a minute, in a new crawl either',
  async (status) => {
    let now = 0;
    const server = await startGuarded(async () => ({ status }));
    const registry = connect(server.url, { ...user, steadyClock: () => now });
    const askAll = () => Promise.allSettled(NAMES.map((name) => registry.tags(name, signal)));
    const answers = await askAll();
    expect(answers.map((answer) => answer.status === 'rejected' && answer.reason)).toEqual(
      NAMES.map(() => expect.objectContaining({ kind: 'unavailable', status })),
    );
    const atFirst = tokenRequests(server);
    expect(atFirst).toBeLessThanOrEqual(4);

    now = 29_000;
    await expect(found(registry)).rejects.toMatchObject({ kind: 'unavailable', status });
    await askAll();
    expect(tokenRequests(server)).toBe(atFirst);

    now = 60_000;
    await expect(registry.tags(NAMES[0] as RepositoryName, signal)).rejects.toMatchObject({ status });
    expect(tokenRequests(server)).toBe(atFirst + 1);
  },
);

test('requests at most four tokens at once', async () => {
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = await startGuarded(async () => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    for (let turns = 0; turns < 10; turns++) await turn();
    atOnce--;
    return { body: { token: 'opaque' } };
  });
  const registry = connect(server.url, user);
  await Promise.all(NAMES.map((name) => registry.tags(name, signal)));
  expect(tokenRequests(server)).toBe(50);
  expect(mostAtOnce).toBeLessThanOrEqual(4);
});

test('needs two tokens to read forty repositories after notifications', async () => {
  const server = await startGuarded(async () => ({ body: { token: 'opaque' } }));
  const registry = connect(server.url, user);
  await createSnapshotTaker(snapshotTakerOptions(registry, 8)).updateSnapshot(new Set(NAMES.slice(0, 40)), signal);
  expect(server.requests.filter(({ url }) => url.includes('/tags/list'))).toHaveLength(40);
  expect(tokenRequests(server)).toBe(2);
});

test('treats a refusal without credentials as that of one subject only', async () => {
  const server = await startGuarded(async () => ({ status: 403 }));
  const registry = connect(server.url);
  for (const name of NAMES.slice(0, 3))
    await expect(registry.tags(name, signal)).rejects.toMatchObject({ kind: 'forbidden' });
  expect(tokenRequests(server)).toBe(3);
});
