import { expect, test } from 'vitest';
import { isAllowedRedirect, tokenRealm } from '../../../src/registry/auth/token-realm.ts';
import { RegistryError } from '../../../src/registry/errors.ts';

const HTTPS = new URL('https://registry.example.com/v2/');

const read = (realm: string, from = HTTPS, tokenOrigins: readonly string[] = [from.origin]): string => {
  const found = tokenRealm(realm, from, { tokenOrigins });
  return found instanceof RegistryError ? found.reason : found.href;
};

test.each([
  ['http://registry.example.com/token?a=1', 'https://registry.example.com/token?a=1'],
  ['http://registry.example.com:80/token', 'https://registry.example.com/token'],
  ['https://registry.example.com/token', 'https://registry.example.com/token'],
])('reads the realm %s of an https registry as %s', (realm, expected) => {
  expect(read(realm)).toBe(expected);
});

test('reads a plain realm at the port of the https registry as https', () => {
  expect(read('http://registry.example.com:8443/token', new URL('https://registry.example.com:8443/v2/'))).toBe(
    'https://registry.example.com:8443/token',
  );
});

test.each([
  ['at another port', 'http://registry.example.com:8080/token', HTTPS],
  [
    'at another port that is configured',
    'http://registry.example.com:8080/token',
    HTTPS,
    'http://registry.example.com:8080',
  ],
  ['of GitLab', 'http://gitlab.example.com:8080/jwt/auth', HTTPS, 'https://gitlab.example.com'],
])('never uses nor advises plain http to an https host: %s', (_, realm, from, more = '') => {
  const reason = read(realm, from, [from.origin, ...(more === '' ? [] : [more])]);
  expect(reason).toContain('passwords are not sent to this host by plain http');
  expect(reason).not.toContain('token_origins');
});

test('uses a plain realm of another host only if it is configured', () => {
  expect(read('http://tokens.example.com/t')).toContain('add it to token_origins');
  expect(read('http://tokens.example.com/t', HTTPS, ['http://tokens.example.com'])).toBe('http://tokens.example.com/t');
});

test.each<[string, string, boolean]>([
  ['https://t.example.com/a', 'https://t.example.com/b', true],
  ['http://t.example.com/a', 'https://t.example.com/a', true],
  ['http://t.example.com/a', 'https://other.example.com/a', false],
  ['https://t.example.com/a', 'http://t.example.com/a', false],
  ['https://t.example.com/a', 'https://allowed.example.com/a', true],
  ['https://t.example.com/a', 'http://plain.example.com/a', false],
  ['http://t.example.com/a', 'http://plain.example.com/a', true],
])('decides whether a redirect from %s to %s may carry the credentials: %s', (from, to, expected) => {
  const tokenOrigins = ['https://allowed.example.com', 'http://plain.example.com'];
  expect(isAllowedRedirect(new URL(to), new URL(from), { tokenOrigins })).toBe(expected);
});
