import { expect, test } from 'vitest';
import { decodeUtf8, parseJson } from '../../src/lib/parse-json.ts';

test('parses text and bytes', () => {
  expect(parseJson('{"a":[1,null]}')).toEqual({ a: [1, null] });
  expect(parseJson(Buffer.from('"ü"'))).toBe('ü');
  expect(parseJson('null')).toBeNull();
});

test.for(['', '{', 'undefined', '{"a":1,}', "{'a':1}"])('returns undefined for invalid JSON: %s', (text) => {
  expect(parseJson(text)).toBeUndefined();
});

test('decodes a part of a larger buffer', () => {
  const bytes = Buffer.from('xxäöüxx');
  expect(decodeUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 6))).toBe('äöü');
  expect(decodeUtf8(Uint8Array.of(0x61, 0xff))).toBe('a\ufffd');
});
