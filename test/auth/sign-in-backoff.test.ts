import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDecayingCounter, HALVED_AFTER_MS, waitMs } from '../../src/auth/decaying-counter.ts';
import { createSignInBackoff } from '../../src/auth/sign-in-backoff.ts';
import { createThrottledSignIn, type SignIn } from '../../src/auth/throttled-sign-in.ts';

const HOME = '192.0.2.1';
const AWAY = '198.51.100.1';
const HOUR_MS = 3_600_000;

/** A directory in which every user has the same password, and a clock that stands still until it is moved. */
function guarded(failedSignIns = 50) {
  const clock = { now: 0 };
  const asked: string[] = [];
  const directory = {
    async authenticate(user: string, password: string) {
      asked.push(user);
      if (password === 'down') throw new Error('down');
      return password === 'right';
    },
  };
  const signIn = createThrottledSignIn({ directory, failedSignIns, steadyClock: () => clock.now });
  return {
    clock,
    asked,
    signIn: (user: string, password: string, address = HOME) => signIn({ user, password }, address),
    /** Waits as long as it is told, as often as it is told. */
    async insist(user: string, password: string, address = HOME): Promise<SignIn> {
      for (;;) {
        const outcome = await signIn({ user, password }, address);
        if (typeof outcome !== 'object') return outcome;
        clock.now += outcome.retryAfterMs;
      }
    },
  };
}

test('of ten thousand wrong passwords for one user ten are tried, and further ones ever more slowly', async () => {
  const { clock, asked, signIn, insist } = guarded();
  const outcomes = [];
  for (let i = 0; i < 10_000; i++) outcomes.push(await signIn('alice', `wrong ${i}`));
  expect(asked).toHaveLength(10);
  expect(outcomes.slice(0, 11)).toEqual([...Array(10).fill('unknown'), { retryAfterMs: expect.closeTo(1000, 0) }]);
  const waits: number[] = [];
  for (let i = 0; i < 13; i++) {
    const before = clock.now;
    expect(await insist('alice', 'wrong')).toBe('unknown');
    waits.push(Math.round((clock.now - before) / 1000));
  }
  expect(waits.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
  expect(Math.max(...waits)).toBeLessThanOrEqual(15 * 60);
});

test('a day of guessing at one user from one address tries a few hundred passwords', async () => {
  const { clock, asked, insist } = guarded();
  while (clock.now < 24 * HOUR_MS) await insist('alice', 'wrong');
  expect(asked.length).toBeLessThan(400);
});

test('all at once, no more are tried than one after the other', async () => {
  const { asked, signIn } = guarded();
  await Promise.all(Array.from({ length: 100 }, (_, i) => signIn('alice', `wrong ${i}`)));
  expect(asked.length).toBeLessThanOrEqual(10);
});

test('whoever has the right password gets in from another address at once, and from the same one when he has waited', async () => {
  const { signIn, insist } = guarded();
  for (let i = 0; i < 100; i++) await signIn('alice', 'wrong');
  expect(await signIn('alice', 'right')).toEqual({ retryAfterMs: expect.any(Number) });
  expect(await signIn('alice', 'right', AWAY)).toBe('known');
  expect(await signIn('bob', 'right')).toBe('known');
  expect(await insist('alice', 'right')).toBe('known');
  // And then his own mistakes are forgotten.
  expect(await signIn('alice', 'wrong')).toBe('unknown');
  expect(await signIn('alice', 'right')).toBe('known');
});

test('the right password is never refused to those who have made no mistake, however many come at once', async () => {
  const { signIn } = guarded();
  const outcomes = await Promise.all(Array.from({ length: 60 }, () => signIn('robot', 'right')));
  expect(new Set(outcomes)).toEqual(new Set(['known']));
});

test('one address that tries many users is slowed down as well, and its own account does not excuse it', async () => {
  const { asked, signIn } = guarded();
  for (let i = 0; i < 1000; i++) {
    await signIn(`user ${i}`, 'Winter2026');
    if (i % 5 === 0) await signIn('mallory', 'right');
  }
  expect(new Set(asked).size).toBeLessThanOrEqual(51);
  expect(await signIn('alice', 'right')).toEqual({ retryAfterMs: expect.any(Number) });
  expect(await signIn('alice', 'right', AWAY)).toBe('known');
});

test('many addresses that guess at one user get one guess each, a minute apart, and an address that has not failed is never refused', async () => {
  const { clock, asked, signIn } = guarded();
  const guessers = Array.from({ length: 200 }, (_, i) => `203.0.113.${i}`);
  for (const address of guessers.slice(0, 5)) for (let i = 0; i < 10; i++) await signIn('alice', 'wrong', address);
  expect(asked).toHaveLength(50);
  for (let i = 0; i < 10; i++) for (const address of guessers.slice(5)) await signIn('alice', 'wrong', address);
  expect(asked).toHaveLength(50 + 195);
  expect(await signIn('alice', 'right', AWAY)).toBe('known');
  clock.now += 61_000;
  expect(await signIn('alice', 'right', guessers[100])).toBe('known');
});

test('IPv6 counts by its network, so that a guesser cannot come from a new address every time', async () => {
  const { asked, signIn } = guarded();
  for (let i = 1; i < 1000; i++) await signIn('alice', 'wrong', `2001:db8:1:2::${i.toString(16)}`);
  expect(asked).toHaveLength(10);
  expect(await signIn('alice', 'right', '2001:db8:1:3::1')).toBe('known');
});

test('a name that is written in another way is the same name', async () => {
  const { asked, signIn } = guarded();
  const spellings = ['alice', 'Alice', ' alice ', 'ａlice', 'al\u00adice', 'ALICE\u200b', 'álice', 'alíc\u0327e'];
  for (let i = 0; i < 60; i++) await signIn(spellings[i % spellings.length] ?? '', 'wrong');
  expect(asked).toHaveLength(10);
});

test('mistakes are forgotten by and by', async () => {
  const { clock, signIn } = guarded();
  for (let hour = 0; hour < 48; hour++) {
    for (let i = 0; i < 4; i++) expect(await signIn('alice', 'wrong')).toBe('unknown');
    clock.now += HOUR_MS;
  }
});

test('a directory that does not answer is nobody’s mistake', async () => {
  const { signIn } = guarded();
  for (let i = 0; i < 100; i++) await expect(signIn('alice', 'down')).rejects.toThrow('down');
  expect(await signIn('alice', 'right')).toBe('known');
});

test('0 is no limit', async () => {
  const { asked, signIn } = guarded(0);
  for (let i = 0; i < 1000; i++) await signIn('alice', 'wrong');
  expect(asked).toHaveLength(1000);
});

test('while a directory is slow, the places are limited, and free again when it has answered', async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const signIn = createThrottledSignIn({
    directory: { authenticate: () => promise },
    failedSignIns: 50,
    steadyClock: () => 0,
  });
  const from = (address: string) => signIn({ user: address, password: 'right' }, address);
  const many = Array.from({ length: 136 }, (_, i) => from(`10.0.0.${i}`));
  expect(await from(AWAY)).toBe('busy');
  resolve(true);
  expect(new Set(await Promise.all(many))).toEqual(new Set(['known']));
  expect(await from(AWAY)).toBe('known');
});

/** The stupid twin: every failure that ever was, each counting half as much every hour. */
test('a count is the sum of all failures, each halved every hour', () => {
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

test('when there are too many keys, those who have failed little or long ago are forgotten', () => {
  const failures = createDecayingCounter(10);
  for (let i = 0; i < 8; i++) failures.add('guesser', 0);
  for (let i = 0; i < 1000; i++) failures.add(`other ${i}`, HALVED_AFTER_MS);
  expect(failures.count('guesser', HALVED_AFTER_MS)).toBe(4);
});

test('a wait doubles with every failure, and is 15 minutes at most', () => {
  const wait = (count: number) => waitMs({ count, at: 0 }, { free: 3, firstWaitMs: 1000 }, 0);
  expect([1, 2, 3, 4, 5, 60].map(wait)).toEqual([0, 0, 1000, 2000, 4000, 900_000]);
});

test('who is tried right now counts as if it had failed, once something has', () => {
  const limits = createSignInBackoff(50, () => 0);
  for (let i = 0; i < 9; i++) {
    expect(limits.begin('alice', HOME)).toBe(0);
    limits.ended('alice', HOME, false);
  }
  expect(limits.begin('alice', HOME)).toBe(0);
  expect(limits.begin('alice', HOME)).toBe(1000);
  limits.ended('alice', HOME, true);
  expect(limits.begin('alice', HOME)).toBe(0);
});
