import { readFileSync } from 'node:fs';

/** A certificate and its private key, in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Reads a pair from test/fixtures/certificates. */
export function testCertificate(name: 'first' | 'second' | 'rsa' | 'ec'): TestCertificate {
  const read = (ending: string): string =>
    readFileSync(new URL(`../fixtures/certificates/${name}.${ending}`, import.meta.url), 'utf8');
  return { certificate: read('pem'), key: read('key') };
}
