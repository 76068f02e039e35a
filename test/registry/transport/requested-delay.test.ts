import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { requestedDelayMs } from '../../../src/registry/transport/requested-delay.ts';

const NOW = Date.parse('2026-12-01T10:00:00Z');

const delay = (headers: IncomingHttpHeaders, status = 429): number | undefined =>
  requestedDelayMs({ request: { method: 'GET', headers: {} }, status, headers, body: Buffer.alloc(0) }, NOW);

test.each([
  ['30', 30_000],
  ['0', 0],
  [' 1.5 ', 1500],
  ['1000000000', 1e12],
  [String(NOW / 1000 + 7), 7000],
  [String(NOW / 1000 - 7), 0],
  [String(NOW + 7), 7],
  [String(NOW - 7), 0],
  [new Date(NOW + 9000).toUTCString(), 9000],
  [new Date(NOW - 9000).toUTCString(), 0],
])('reads Retry-After: %s as a delay or a date', (text, expected) => {
  expect(delay({ 'retry-after': text })).toBe(expected);
  expect(delay({ 'retry-after': text }, 503)).toBe(expected);
});

test.each(['', 'soon', '-1', '-1000', 'NaN', '1e3', '10 seconds'])('cannot use Retry-After: "%s"', (text) => {
  expect(delay({ 'retry-after': text })).toBeUndefined();
});

test.each([
  ['ratelimit-reset', String(NOW / 1000 + 20), 20_000],
  ['ratelimit-reset', '20', 20_000],
  ['ratelimit-resettime', new Date(NOW + 20_000).toUTCString(), 20_000],
  ['x-ratelimit-reset', String(NOW + 20_000), 20_000],
  ['x-rate-limit-reset', String(NOW / 1000 + 20), 20_000],
  ['x-ratelimit-reset-after', '20', 20_000],
  ['ratelimit', 'limit=100, remaining=0, reset=20', 20_000],
  ['ratelimit', '"default";r=0;t=20', 20_000],
  ['ratelimit', '"minute";r=0;t=20, "day";r=5;t=4000', 20_000],
])('reads the header %s: %s of a 429', (name, text, expected) => {
  expect(delay({ [name]: text })).toBe(expected);
  expect(delay({ [name]: text, 'retry-after': '5' })).toBe(5000);
  expect(delay({ [name]: text, 'retry-after': 'soon' })).toBe(expected);
  expect(delay({ [name]: text }, 503)).toBeUndefined();
});

test('finds no time in other headers about limits', () => {
  const headers = {
    'ratelimit-limit': '100',
    'x-ratelimit-remaining': '0',
    'ratelimit-policy': '"default";q=100;w=60',
  };
  expect(delay(headers)).toBeUndefined();
});
