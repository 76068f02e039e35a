import { expect, test } from 'vitest';
import { formatRfc3339, parseRfc3339 } from '../../src/lib/rfc3339.ts';

const NOON = Date.UTC(2024, 0, 1, 12);

test.for([
  ['2024-01-01T12:00:00Z', NOON],
  ['2024-01-01t12:00:00z', NOON],
  ['2024-01-01T13:30:00+01:30', NOON],
  ['2024-01-01T04:00:00-08:00', NOON],
  ['2024-01-01T12:00:00.5Z', NOON + 500],
  ['2024-01-01T12:00:00.123456789Z', NOON + 123],
  ['0001-01-01T00:00:00Z', -62_135_596_800_000],
] as const)('parses %s', ([text, expected]) => {
  expect(parseRfc3339(text)).toBe(expected);
});

test.for([
  '',
  'yesterday',
  '2024',
  '2024-01-01',
  '2024-01-01T12:00:00',
  '2024-01-01T12:00Z',
  '2024-01-01 12:00:00Z',
  '2024-13-01T00:00:00Z',
  '2024-01-01T12:00:60Z',
  '2024-01-01T12:00:00+0100',
  '2024-01-01T12:00:00Z ',
])('refuses "%s"', (text) => {
  expect(parseRfc3339(text)).toBeUndefined();
});

test('formats a time so that it parses to the same', () => {
  expect(formatRfc3339(NOON)).toBe('2024-01-01T12:00:00.000Z');
  expect(parseRfc3339(formatRfc3339(NOON + 7))).toBe(NOON + 7);
});
