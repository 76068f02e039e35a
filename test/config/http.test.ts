import { chmodSync } from 'node:fs';
import { expect, test } from 'vitest';
import { testCertificate } from '../support/certificates.ts';
import { changed, config, problems, written } from '../support/config-sample.ts';

/* The settings that limit which clients may connect, and how. */

const withGeneral = (...lines: readonly string[]): string => changed('socket_port = 8080', ...lines);
const problemsOf = (...lines: readonly string[]): readonly string[] =>
  problems(withGeneral(...lines)).map((line) => line.split(';')[0] ?? '');

const mine = testCertificate('first');
const other = testCertificate('second');

test('reads a certificate and its key, and reports a key that other users can access', () => {
  const certificate = written(mine.certificate, 'service.pem');
  const key = written(mine.key, 'service.key');
  const tlsAt = (mode: number) => {
    chmodSync(key, mode);
    return config(withGeneral(`tls_certificate = ${certificate}`, `tls_key = ${key}`)).http.tls;
  };
  expect(tlsAt(0o600)).toEqual({ certificate: mine.certificate, key: mine.key, isKeyExposed: false });
  for (const [mode, isExposed] of [
    [0o400, false],
    [0o640, false],
    [0o644, true],
    [0o660, true],
    [0o602, true],
  ] as const) {
    expect(tlsAt(mode)?.isKeyExposed, mode.toString(8)).toBe(isExposed);
  }
});

test('reports a key of another certificate, and a certificate or key that is set alone', () => {
  const certificate = written(mine.certificate, 'alone.pem');
  const key = written(other.key, 'alone.key');
  expect(problemsOf(`tls_certificate = ${certificate}`, `tls_key = ${key}`)).toEqual([
    'my.conf:3: [general] tls_key: is not the key of tls_certificate',
  ]);
  expect(problemsOf(`tls_certificate = ${certificate}`)).toEqual([
    'my.conf:2: [general] tls_certificate: is set without tls_key',
  ]);
  expect(problemsOf(`tls_key = ${key}`)).toEqual(['my.conf:2: [general] tls_key: is set without tls_certificate']);
  expect(problemsOf('tls_certificate = /nonexistent', `tls_key = ${certificate}`)).toEqual([
    'my.conf:2: [general] tls_certificate: "/nonexistent" cannot be read (the file does not exist)',
    expect.stringMatching(/my\.conf:3: \[general\] tls_key: ".*" contains no PEM private key$/),
  ]);
});

test('accepts addresses and networks as proxies, but not all addresses', () => {
  const { trustedProxies } = config(withGeneral('trust_proxy = 127.0.0.1, 10.0.0.0/8 fd00::/8 ::1')).http;
  expect(trustedProxies).toEqual(['127.0.0.1', '10.0.0.0/8', 'fd00::/8', '::1']);
  for (const [value, wrong] of [
    ['true', 'contains an entry that is not an address'],
    ['*', 'contains an entry that is not an address'],
    ['proxy.example.com', 'contains an entry that is not an address'],
    ['10.0.0.0/8/8', 'contains an entry that is not an address'],
    ['10.0.0.0/33', 'contains a network with a wrong prefix length'],
    ['10.0.0.0/', 'contains a network with a wrong prefix length'],
    ['::/129', 'contains a network with a wrong prefix length'],
    ['0.0.0.0/0', 'contains a network of all addresses'],
    ['127.0.0.1 ::/0', 'contains a network of all addresses'],
  ] as const) {
    expect(problemsOf(`trust_proxy = ${value}`)).toEqual([`my.conf:2: [general] trust_proxy: "${value}" ${wrong}`]);
  }
});

test('accepts hosts in any case, and reports those with a port or a scheme', () => {
  const { allowedHosts } = config(withGeneral('allowed_hosts = Usage.Example.com. usage [::1], 10.0.0.1')).http;
  expect(allowedHosts).toEqual(['usage.example.com', 'usage', '[::1]', '10.0.0.1']);
  for (const value of ['usage.example.com:8080', 'https://usage.example.com', '::1', '*', '[x]']) {
    expect(problemsOf(`allowed_hosts = ${value}`), value).toEqual([
      `my.conf:2: [general] allowed_hosts: "${value}" contains an entry that is not a host (omit ports, and put IPv6 addresses in brackets)`,
    ]);
  }
});

test('accepts whole numbers from 0 as limits', () => {
  const lines = (value: string) => withGeneral('[limits]', `requests_per_address = ${value}`, 'failed_sign_ins = 0');
  expect(config(lines('7')).http.limits).toMatchObject({ requestsPerAddress: 7, failedSignIns: 0 });
  expect(problems(lines('-1'))).toEqual([
    'my.conf:3: [limits] requests_per_address: "-1" is not a whole number; expected a whole number from 0 to 10000000',
  ]);
});
