import { createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { testCertificate } from '../../support/certificates.ts';
import { config, GOOD, problems, written } from '../../support/config-sample.ts';

/* The client certificate and its key. */

const EXPECTED_KEY = 'expected the path of a readable PEM file with a private key that needs no password';
const mine = testCertificate('first');
const other = testCertificate('second');

const withKeys = (lines: Readonly<Record<string, string>>): string =>
  GOOD +
  Object.entries(lines)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');

test('reads a certificate and its key from files that also contain other text', () => {
  const both = written(`some text\n${mine.key}${mine.certificate}${other.certificate}`, 'both.pem');
  const { clientCertificate } = config(withKeys({ client_certificate: both, client_key: both })).registry;
  expect(clientCertificate).toEqual({ certificate: mine.certificate + other.certificate, key: mine.key });
  expect(Object.isFrozen(clientCertificate)).toBe(true);
});

test.each(['rsa', 'ec'] as const)('reads a key in the older format of %s', (kind) => {
  const { certificate, key } = testCertificate(kind);
  expect(key).toContain(`-----BEGIN ${kind.toUpperCase()} PRIVATE KEY-----`);
  const files = { client_certificate: written(certificate, `${kind}.pem`), client_key: written(key, `${kind}.key`) };
  expect(config(withKeys(files)).registry.clientCertificate?.key).toBe(key);
});

test('reports a key of another certificate, and a certificate or key that is set alone', () => {
  const certificate = written(mine.certificate + other.certificate, 'chain.pem');
  const key = written(other.key, 'other.pem');
  expect(problems(withKeys({ client_certificate: certificate, client_key: key }))).toEqual([
    'my.conf:14: [registry] client_key: is not the key of client_certificate; expected the private key of the first certificate there',
  ]);
  expect(problems(withKeys({ client_certificate: certificate }))).toEqual([
    'my.conf:13: [registry] client_certificate: is set without client_key; set both or neither',
  ]);
  expect(problems(withKeys({ client_key: key }))).toEqual([
    'my.conf:13: [registry] client_key: is set without client_certificate; set both or neither',
  ]);
});

test('reports a file without a usable key in one line, without its content', () => {
  const encryption = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  const encrypted = createPrivateKey(mine.key).export(encryption);
  const files = {
    'contains no PEM private key': mine.certificate,
    'contains more than one private key': mine.key + other.key,
    'contains a broken private key': mine.key.replace(/\n[^-\n]{20}/, '\n'),
    'contains a private key that needs a password': encrypted.toString(),
  };
  for (const [wrong, text] of Object.entries(files)) {
    const key = written(text, 'key.pem');
    const certificate = written(mine.certificate, 'mine.pem');
    expect(problems(withKeys({ client_certificate: certificate, client_key: key })), wrong).toEqual([
      `my.conf:14: [registry] client_key: "${key}" ${wrong}; ${EXPECTED_KEY}`,
    ]);
  }
  const missing = problems(withKeys({ client_certificate: '/nonexistent', client_key: '/nonexistent' }));
  expect(missing.map((line) => line.split(';')[0])).toEqual([
    'my.conf:13: [registry] client_certificate: "/nonexistent" cannot be read (the file does not exist)',
    'my.conf:14: [registry] client_key: "/nonexistent" cannot be read (the file does not exist)',
  ]);
});
