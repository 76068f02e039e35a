import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration } from '../../../src/config/readers/duration.ts';

test('parses a whole number and a unit, with or without a space, in any case', () => {
  const seconds = (text: string) => parseDuration(text);
  for (const text of [
    '2 weeks',
    '2  weeks',
    '2w',
    '2 Weeks',
    '14d',
    '14 DAY',
    ' 336 h ',
    '336hours',
    '20160 min',
    '20160m',
  ])
    expect(seconds(text), text).toEqual({ seconds: 1_209_600 });
  expect(seconds('90 S')).toEqual({ seconds: 90 });
  expect(seconds('1 sec')).toEqual({ seconds: 1 });
  expect(seconds('0 s')).toEqual({ seconds: 0 });
  expect(seconds('１ d')).toEqual({ seconds: 86_400 });
});

test('refuses fractions, signs, words, sums and numbers without a unit', () => {
  for (const text of [
    '',
    '10',
    '1.5 h',
    'two weeks',
    '2 fortnights',
    '-1 d',
    '+1 d',
    '2 w x',
    '1h 30m',
    '² d',
    '1e3 s',
    'd',
  ])
    expect(parseDuration(text), text).toEqual({ wrong: 'is not a duration' });
});

test('refuses more than a hundred years, which could overflow', () => {
  expect(parseDuration('36525 d')).toEqual({ seconds: 3_155_760_000 });
  for (const text of ['36526 d', '99999999999 w', `${'9'.repeat(400)} s`])
    expect(parseDuration(text), text).toEqual({ wrong: 'is longer than a hundred years' });
});

test('never throws, and returns a whole number of seconds or an error for any text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^\s*\d*\s*[wdhmsWDHMS]?[a-z]*\s*$/)),
      (text) => {
        const read = parseDuration(text);
        expect('wrong' in read || Number.isSafeInteger(read.seconds)).toBe(true);
      },
    ),
  );
});
