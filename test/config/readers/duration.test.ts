import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration } from '../../../src/config/readers/duration.ts';

test('a duration is a whole number and a unit, with or without space, in any case', () => {
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

test('fractions, signs, words, sums and numbers without a unit are no durations', () => {
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

test('more than a hundred years is refused, instead of overflowing later', () => {
  expect(parseDuration('36525 d')).toEqual({ seconds: 3_155_760_000 });
  for (const text of ['36526 d', '99999999999 w', `${'9'.repeat(400)} s`])
    expect(parseDuration(text), text).toEqual({ wrong: 'is longer than a hundred years' });
});

test('any text is read or refused, and never throws', () => {
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
