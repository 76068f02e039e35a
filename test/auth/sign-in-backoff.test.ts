import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDecayingCounter, HALVED_AFTER_MS, waitMs } from '../../src/auth/decaying-counter.ts';
import { createSignInBackoff } from '../../src/auth/sign-in-backoff.ts';
import { createThrottledSignIn } from '../../src/auth/throttled-sign-in.ts';
import type { Principal, SignInResult } from '../../src/ports.ts';

const HOME = '192.0.2.1';
const AWAY = '198.51.100.1';
const HOUR_MS = 3_600_000;

type Summary = Exclude<SignInResult['status'], 'throttled'> | { readonly retryAfterMs: number };

const summaryOf = (result: SignInResult): Summary =>
  result.status === 'throttled' ? { retryAfterMs: result.retryAfterMs } : result.status;

/** Signs in at a directory in which every user has the same password. Only the test moves the clock. */
function throttled(failedSignIns = 50) {
  const clock = { now: 0 };
  const asked: string[] = [];
  const directory = {
    async authenticate(user: string, password: string) {
      asked.push(user);
      if (password === 'down') throw new Error('down');
      return password === 'right' ? { name: user, groups: [] } : undefined;
    },
  };
  const service = createThrottledSignIn({ directory, failedSignIns, steadyClock: () => clock.now });
  const signIn = async (user: string, password: string, client = HOME): Promise<Summary> =>
    summaryOf(await service.signIn({ user, password }, client));
  return {
    clock,
    asked,
    signIn,
    /** Tries again after each wait, until the password is checked. */
    async insist(user: string, password: string, client = HOME): Promise<Summary> {
      for (;;) {
        const outcome = await signIn(user, password, client);
        if (typeof outcome !== 'object') return outcome;
        clock.now += outcome.retryAfterMs;
      }
    },
  };
}

test('checks ten of ten thousand wrong passwords for one user, and further ones after longer and longer waits', async () => {
  const { clock, asked, signIn, insist } = throttled();
  const outcomes = [];
  for (let i = 0; i < 10_000; i++) outcomes.push(await signIn('alice', `wrong ${i}`));
  expect(asked).toHaveLength(10);
  expect(outcomes.slice(0, 11)).toEqual([...Array(10).fill('refused'), { retryAfterMs: expect.closeTo(1000, 0) }]);
  const waits: number[] = [];
  for (let i = 0; i < 13; i++) {
    const before = clock.now;
    expect(await insist('alice', 'wrong')).toBe('refused');
    waits.push(Math.round((clock.now - before) / 1000));
  }
  expect(waits.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
  expect(Math.max(...waits)).toBeLessThanOrEqual(15 * 60);
});

test('checks only a few hundred passwords in a day of guessing at one user from one client', async () => {
  const { clock, asked, insist } = throttled();
  while (clock.now < 24 * HOUR_MS) await insist('alice', 'wrong');
  expect(asked.length).toBeLessThan(400);
});

test('checks no more wrong passwords at once than one after another', async () => {
  const { asked, signIn } = throttled();
  await Promise.all(Array.from({ length: 100 }, (_, i) => signIn('alice', `wrong ${i}`)));
  expect(asked.length).toBeLessThanOrEqual(10);
});

test('lets the right user sign in from another client at once, and from the attacked one after the wait', async () => {
  const { signIn, insist } = throttled();
  for (let i = 0; i < 100; i++) await signIn('alice', 'wrong');
  expect(await signIn('alice', 'right')).toEqual({ retryAfterMs: expect.any(Number) });
  expect(await signIn('alice', 'right', AWAY)).toBe('signed-in');
  expect(await signIn('bob', 'right')).toBe('signed-in');
  expect(await insist('alice', 'right')).toBe('signed-in');
  // The success has reset the failures of this user at this client.
  expect(await signIn('alice', 'wrong')).toBe('refused');
  expect(await signIn('alice', 'right')).toBe('signed-in');
});

test('never refuses right passwords of a client without failures, however many it sends at once', async () => {
  const { signIn } = throttled();
  const outcomes = await Promise.all(Array.from({ length: 60 }, () => signIn('robot', 'right')));
  expect(new Set(outcomes)).toEqual(new Set(['signed-in']));
});

test('makes a client that tries many users wait, even if it signs in with an account of its own in between', async () => {
  const { asked, signIn } = throttled();
  for (let i = 0; i < 1000; i++) {
    await signIn(`user ${i}`, 'Winter2026');
    if (i % 5 === 0) await signIn('mallory', 'right');
  }
  expect(new Set(asked).size).toBeLessThanOrEqual(51);
  expect(await signIn('alice', 'right')).toEqual({ retryAfterMs: expect.any(Number) });
  expect(await signIn('alice', 'right', AWAY)).toBe('signed-in');
});

test('gives many clients that guess at one user one guess a minute each, and never refuses a client without failures', async () => {
  const { clock, asked, signIn } = throttled();
  const guessers = Array.from({ length: 200 }, (_, i) => `203.0.113.${i}`);
  for (const address of guessers.slice(0, 5)) for (let i = 0; i < 10; i++) await signIn('alice', 'wrong', address);
  expect(asked).toHaveLength(50);
  for (let i = 0; i < 10; i++) for (const address of guessers.slice(5)) await signIn('alice', 'wrong', address);
  expect(asked).toHaveLength(50 + 195);
  expect(await signIn('alice', 'right', AWAY)).toBe('signed-in');
  clock.now += 61_000;
  expect(await signIn('alice', 'right', guessers[100])).toBe('signed-in');
});

test('counts all spellings of a name as one user', async () => {
  const { asked, signIn } = throttled();
  const spellings = ['alice', 'Alice', ' alice ', 'ａlice', 'al\u00adice', 'ALICE\u200b', 'álice', 'alíc\u0327e'];
  for (let i = 0; i < 60; i++) await signIn(spellings[i % spellings.length] ?? '', 'wrong');
  expect(asked).toHaveLength(10);
});

test('forgets failures over time', async () => {
  const { clock, signIn } = throttled();
  for (let hour = 0; hour < 48; hour++) {
    for (let i = 0; i < 4; i++) expect(await signIn('alice', 'wrong')).toBe('refused');
    clock.now += HOUR_MS;
  }
});

test('does not count a failure of the directory', async () => {
  const { signIn } = throttled();
  for (let i = 0; i < 100; i++) await expect(signIn('alice', 'down')).rejects.toThrow('down');
  expect(await signIn('alice', 'right')).toBe('signed-in');
});

test('has no limit if it is 0', async () => {
  const { asked, signIn } = throttled(0);
  for (let i = 0; i < 1000; i++) await signIn('alice', 'wrong');
  expect(asked).toHaveLength(1000);
});

test('rejects sign-ins beyond the queue while the directory is slow, and accepts them again later', async () => {
  const { promise, resolve } = Promise.withResolvers<Principal>();
  const service = createThrottledSignIn({
    directory: { authenticate: () => promise },
    failedSignIns: 50,
    steadyClock: () => 0,
  });
  const from = async (client: string) => summaryOf(await service.signIn({ user: client, password: 'right' }, client));
  const many = Array.from({ length: 136 }, (_, i) => from(`10.0.0.${i}`));
  expect(await from(AWAY)).toBe('busy');
  resolve({ name: 'alice', groups: [] });
  expect(new Set(await Promise.all(many))).toEqual(new Set(['signed-in']));
  expect(await from(AWAY)).toBe('signed-in');
});

/** The slow twin: all failures, each halved every hour. */
test('the count is the sum of all failures, each halved every hour', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 * HALVED_AFTER_MS), { maxLength: 40 }), fc.nat(HALVED_AFTER_MS), (gaps, later) => {
      const failures = createDecayingCounter();
      const times: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        times.push(now);
        failures.add('a', now);
      }
      now += later;
      const expected = times.reduce((sum, at) => sum + 0.5 ** ((now - at) / HALVED_AFTER_MS), 0);
      expect(failures.count('a', now)).toBeCloseTo(expected, 6);
      expect(failures.count('b', now)).toBe(0);
    }),
  );
});

test('forgets the keys with few or old failures when there are too many keys', () => {
  const failures = createDecayingCounter(10);
  for (let i = 0; i < 8; i++) failures.add('guesser', 0);
  for (let i = 0; i < 1000; i++) failures.add(`other ${i}`, HALVED_AFTER_MS);
  expect(failures.count('guesser', HALVED_AFTER_MS)).toBe(4);
});

test('doubles the wait with each failure, up to 15 minutes', () => {
  const wait = (count: number) => waitMs({ count, at: 0 }, { free: 3, firstWaitMs: 1000 }, 0);
  expect([1, 2, 3, 4, 5, 60].map(wait)).toEqual([0, 0, 1000, 2000, 4000, 900_000]);
});

test('counts running attempts as failures once there was a failure', () => {
  const limits = createSignInBackoff(50, () => 0);
  for (let i = 0; i < 9; i++) {
    expect(limits.begin('alice', HOME)).toBe(0);
    limits.end('alice', HOME, false);
  }
  expect(limits.begin('alice', HOME)).toBe(0);
  expect(limits.begin('alice', HOME)).toBe(1000);
  limits.end('alice', HOME, true);
  expect(limits.begin('alice', HOME)).toBe(0);
});
