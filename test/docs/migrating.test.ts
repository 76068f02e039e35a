import { expect, test } from 'vitest';
import { config, problems } from '../support/config-sample.ts';
import { readJsonLines } from '../support/fixture.ts';

/* The default configuration that the Python service printed. */

interface Recorded {
  readonly name: string;
  readonly stdout: string;
}

const PRINTED =
  readJsonLines<Recorded>('original/command-line.jsonl').find(({ name }) => name === 'print-default-config')?.stdout ??
  '';

const FILLED_IN = {
  'host = myldap.com': 'host = ldap.example.com',
  'valid_gid = 00000': 'valid_gid = 10000',
  'secret_key = 00000000000000000000000000000000': 'secret_key = a secret key of 32 bytes, or more',
  'https://mygitlab.com/': 'https://gitlab.example.com/',
  'https://registry.mygitlab.com/': 'https://registry.example.com/',
  'access_token = 00000000000000000000\n': 'access_token = glpat-token\n',
};

test('accepts the default configuration of the Python service once it is filled in', () => {
  const text = Object.entries(FILLED_IN).reduce((filled, [from, to]) => filled.replace(from, to), PRINTED);
  const { general, ldap, jwt, registry } = config(text);
  expect(general).toMatchObject({ host: '127.0.0.1', port: 5000, prefix: '', updateIntervalMs: 3_600_000 });
  expect(ldap).toMatchObject({
    urls: ['ldaps://ldap.example.com'],
    usernameAttribute: 'uid',
    gidAttribute: 'gidNumber',
  });
  expect(jwt).toMatchObject({ expiresInSeconds: 14 * 24 * 3600, secretKey: 'a secret key of 32 bytes, or more' });
  expect(registry).toMatchObject({ username: 'root', accessToken: 'glpat-token', discovery: 'auto' });
});

test('reports every placeholder of that configuration', () => {
  const keys = problems(PRINTED).map((line) => /\] (\w+): .*still the placeholder/.exec(line)?.[1] ?? line);
  expect(keys).toEqual(['host', 'valid_gid', 'secret_key', 'gitlab_base_url', 'registry_base_url', 'access_token']);
});
