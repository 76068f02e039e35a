import fc from 'fast-check';
import { expect, test } from 'vitest';
import { registryMessageOf } from '../../src/registry/registry-message.ts';

const response = (body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status: 500,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  request: { method: 'GET', headers },
});
const messageOf = (message: string, headers = {}) =>
  registryMessageOf(response({ errors: [{ code: 'UNKNOWN', message }] }, headers)).message;

test.each([
  ['a registry', { errors: [{ code: 'DENIED', message: 'access denied', detail: {} }, { code: 'LATER' }] }],
  ['OAuth 2', { error: 'DENIED', error_description: 'access denied' }],
])('reads code and message of %s', (_, body) => {
  expect(registryMessageOf(response(body))).toEqual({ code: 'DENIED', message: 'access denied' });
});

test.each([
  ['GitLab', { message: '403 Forbidden' }, '403 Forbidden'],
  ['Docker’s token service', { details: 'incorrect username' }, 'incorrect username'],
])('reads the message of %s, which has no code', (_, body, message) => {
  expect(registryMessageOf(response(body))).toEqual({ code: undefined, message });
});

test.each(['<html>502 Bad Gateway</html>', '', '[]', 'null', '{"errors":[]}', '{"errors":"none"}', '{"message":7}'])(
  'finds nothing in %j',
  (body) => {
    expect(registryMessageOf(response(body))).toEqual({ code: undefined, message: undefined });
  },
);

test('finds nothing in a successful response', () => {
  expect(registryMessageOf({ ...response({ message: 'hello' }), status: 200 }).message).toBeUndefined();
});

test('removes the credentials of the request, in every form that the server may repeat', () => {
  const basic = `Basic ${Buffer.from('crawler:pass:word').toString('base64')}`;
  expect(messageOf('no user with pass:word', { authorization: basic })).toBe('no user with [redacted]');
  expect(messageOf(`bad header ${basic.slice(6)}`, { authorization: basic })).not.toContain(basic.slice(6));
  expect(messageOf('token abc.def is wrong', { authorization: 'Bearer abc.def' })).toBe('token [redacted] is wrong');
  expect(messageOf('token my-token is wrong', { 'private-token': 'my-token' })).toBe('token [redacted] is wrong');
});

test('removes everything that looks like a secret', () => {
  expect(messageOf('Authorization: Bearer x.y.z expired')).toBe('Authorization: [redacted] expired');
  expect(messageOf('glpat-abcdefghij0123456789 revoked')).toBe('[redacted] revoked');
  expect(messageOf('eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln bad')).toBe('[redacted] bad');
  expect(messageOf('GET https://me:secret@store.example.com/a?X-Signature=abc failed')).toBe(
    'GET https://store.example.com/a failed',
  );
});

test('keeps every text on one line, bounded, without control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), fc.string({ unit: 'binary' }), (code, message) => {
      const found = registryMessageOf(response({ errors: [{ code, message }] }));
      expect(found.code?.length ?? 0).toBeLessThanOrEqual(64);
      expect(found.message?.length ?? 0).toBeLessThanOrEqual(300);
      expect(`${found.code}${found.message}`).not.toMatch(/\p{Cc}/u);
    }),
  );
});
