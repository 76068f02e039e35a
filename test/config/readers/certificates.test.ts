import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Certificate, makeCertificate } from '../../../lab/certificate.ts';
import { inNewDirectory, removeDirectory } from '../../../lab/temporary.ts';
import { config, folder, GOOD, problems, written } from '../../support/config-sample.ts';

/* The certificate that the service shows, and its key. */

const EXPECTED_KEY = 'expected the path of a readable PEM file with a private key that needs no password';
let mine: Certificate;
let other: Certificate;

beforeAll(async () => {
  const make = () =>
    inNewDirectory('certificate', async (directory) => {
      const made = await makeCertificate(directory, ['DNS:localhost']);
      await removeDirectory(directory);
      return made;
    });
  [mine, other] = await Promise.all([make(), make()]);
});

const withKeys = (lines: Readonly<Record<string, string>>): string =>
  GOOD +
  Object.entries(lines)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('');

test('a certificate and its key are read, from files that hold other things too', () => {
  const both = written(`some text\n${mine.key}${mine.certificate}${other.certificate}`, 'both.pem');
  const { clientCertificate } = config(withKeys({ client_certificate: both, client_key: both })).registry;
  expect(clientCertificate).toEqual({ certificate: mine.certificate + other.certificate, key: mine.key });
  expect(Object.isFrozen(clientCertificate)).toBe(true);
});

test.each(['rsa', 'ec'])('a key in the old form of %s is read as well', (kind) => {
  const file = join(folder, `${kind}.pem`);
  const make = kind === 'rsa' ? ['genrsa', '-traditional'] : ['ecparam', '-genkey', '-name', 'prime256v1', '-noout'];
  execFileSync('openssl', [...make, '-out', file], { stdio: 'ignore' });
  execFileSync('openssl', ['req', '-x509', '-new', '-key', file, '-subj', '/CN=x', '-out', `${file}.crt`]);
  expect(readFileSync(file, 'utf8')).toContain(`-----BEGIN ${kind.toUpperCase()} PRIVATE KEY-----`);
  const { clientCertificate } = config(withKeys({ client_certificate: `${file}.crt`, client_key: file })).registry;
  expect(clientCertificate?.key).toBe(readFileSync(file, 'utf8'));
});

test('a key of another certificate, or one half alone, is one clear line', () => {
  const certificate = written(mine.certificate + other.certificate, 'chain.pem');
  const key = written(other.key, 'other.pem');
  expect(problems(withKeys({ client_certificate: certificate, client_key: key }))).toEqual([
    'my.conf:14: [registry] client_key: is not the key of client_certificate; expected the private key of the first certificate there',
  ]);
  expect(problems(withKeys({ client_certificate: certificate }))).toEqual([
    'my.conf:13: [registry] client_certificate: is set without client_key; expected both or neither',
  ]);
  expect(problems(withKeys({ client_key: key }))).toEqual([
    'my.conf:13: [registry] client_key: is set without client_certificate; expected both or neither',
  ]);
});

test('a file without a usable key is one clear line, and nothing of it is told', () => {
  const encrypted = execFileSync('openssl', ['pkcs8', '-topk8', '-passout', 'pass:secret'], { input: mine.key });
  const files = {
    'holds no PEM private key': mine.certificate,
    'holds more than one private key': mine.key + other.key,
    'holds a broken private key': mine.key.replace(/\n[^-\n]{20}/, '\n'),
    'holds a private key that needs a password': encrypted.toString(),
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
    'my.conf:13: [registry] client_certificate: "/nonexistent" cannot be read (there is no such file)',
    'my.conf:14: [registry] client_key: "/nonexistent" cannot be read (there is no such file)',
  ]);
});
