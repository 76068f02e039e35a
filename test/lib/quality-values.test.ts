import { expect, test } from 'vitest';
import { qualityValues } from '../../src/lib/quality-values.ts';

test.for([
  [undefined, {}],
  ['', {}],
  ['gzip', { gzip: 1 }],
  ['GZIP, br;q=0.5 , *;q=0', { gzip: 1, br: 0.5, '*': 0 }],
  ['text/html;level=1;q=0.7', { 'text/html': 0.7 }],
  ['gzip;q=0.2, gzip;q=0.8, gzip;q=0.1', { gzip: 0.8 }],
  ['gzip;q=1.000, br;q=0.123', { gzip: 1, br: 0.123 }],
  ['a;q=2, b;q=1.5, c;q=-1, d;q=x, e;q=0.1234, f;q=', { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0 }],
] as const)('parses the weights in %j', ([header, expected]) => {
  expect(Object.fromEntries(qualityValues(header))).toEqual(expected);
});
