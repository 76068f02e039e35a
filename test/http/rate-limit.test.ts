import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRateLimit, type RateLimit } from '../../src/http/rate-limit.ts';

const MINUTE_MS = 60_000;

/** The slow twin: a bucket that is filled every millisecond. It counts in sixty-thousandths of a request, so that all numbers are whole. */
function bucket(perMinute: number): (afterMs: number) => { isAllowed: boolean; remaining: number } {
  let content = perMinute * MINUTE_MS;
  return (afterMs) => {
    for (let ms = 0; ms < afterMs; ms++) content = Math.min(content + perMinute, perMinute * MINUTE_MS);
    const isAllowed = content >= MINUTE_MS;
    if (isAllowed) content -= MINUTE_MS;
    return { isAllowed, remaining: Math.floor(content / MINUTE_MS) };
  };
}

test('agrees with a bucket that is filled every millisecond, for each key on its own', () => {
  const request = fc.record({ key: fc.constantFrom('a', 'b'), afterMs: fc.oneof(fc.nat(20), fc.nat(3000)) });
  const limits = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(59, 60, 61, 6000, 7777));
  fc.assert(
    fc.property(limits, fc.nat(), fc.array(request, { maxLength: 60 }), (perMinute, startsAt, requests) => {
      let now = startsAt;
      const limit = createRateLimit({ perMinute, steadyClock: () => now });
      const twins = { a: bucket(perMinute), b: bucket(perMinute) };
      const passed = { a: 0, b: 0 };
      for (const { key, afterMs } of requests) {
        now += afterMs;
        passed.a += afterMs;
        passed.b += afterMs;
        const { isAllowed, remaining } = limit.take(key);
        expect({ isAllowed, remaining }).toEqual(twins[key](passed[key]));
        passed[key] = 0;
      }
    }),
  );
});

test('allows a request after exactly the announced wait', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(1000), (perMinute, startsAt, afterMs) => {
      let now = startsAt;
      const limit = createRateLimit({ perMinute, steadyClock: () => now });
      for (let i = 0; i < perMinute; i++) expect(limit.take('a').isAllowed).toBe(true);
      now += Math.min(afterMs, Math.floor(MINUTE_MS / perMinute) - 1);
      const refused = limit.take('a');
      expect(refused.isAllowed).toBe(false);
      now += Math.ceil(refused.retryAfterMs) - 1;
      expect(limit.take('a').isAllowed).toBe(false);
      now += 1;
      expect(limit.take('a').isAllowed).toBe(true);
    }),
  );
});

test('the bucket is full after the announced time', () => {
  let now = 0;
  const limit = createRateLimit({ perMinute: 10, steadyClock: () => now });
  for (let i = 0; i < 7; i++) limit.take('a');
  const { resetMs, remaining } = limit.take('a');
  expect([resetMs, remaining]).toEqual([48_000, 2]);
  now = resetMs;
  expect(limit.take('a').remaining).toBe(9);
});

function spend(limit: RateLimit, key: string, times: number): void {
  for (let i = 0; i < times; i++) limit.take(key);
}

test('limits the number of keys, and does not forget the one that has spent the most', () => {
  const limit = createRateLimit({ perMinute: 10, steadyClock: () => 0, maxKeys: 100 });
  spend(limit, 'guesser', 10);
  // Ten thousand further addresses, of which none has spent more than half.
  for (let i = 0; i < 10_000; i++) spend(limit, `other ${i}`, 1 + (i % 5));
  expect(limit.take('guesser').isAllowed).toBe(false);
});
