import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Reader, Reading } from './key.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[^-]+(?:-[^-]+)*-----END \1-----/g;

/** Reads the certificates of a PEM file, as PEM text. Other contents are left out, because a key would be a secret. */
export const certificatesIn: Reader<string> = (path) => {
  const read = pemIn(path);
  if ('wrong' in read) return read;
  const certificates = read.value.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return { wrong: 'contains no PEM certificate' };
  if (!certificates.every(isCertificate)) return { wrong: 'contains a broken certificate' };
  return { value: `${certificates.join('\n')}\n` };
};

/** Reads the private key of a PEM file, as PEM text: a secret. */
export const privateKeyIn: Reader<string> = (path) => {
  const read = pemIn(path);
  if ('wrong' in read) return read;
  const [key, ...others] = read.value.match(PRIVATE_KEY) ?? [];
  if (key === undefined) return { wrong: 'contains no PEM private key' };
  if (others.length > 0) return { wrong: 'contains more than one private key' };
  if (/ENCRYPTED/.test(key)) return { wrong: 'contains a private key that needs a password' };
  return isPrivateKey(key) ? { value: `${key}\n` } : { wrong: 'contains a broken private key' };
};

/** A private key, and whether its file is writable by users other than its owner or readable by users outside of its group. */
export interface PrivateKeyFile {
  readonly pem: string;
  readonly isExposed: boolean;
}

const OTHERS_READ_OR_WRITE = 0o026;

/** Like `privateKeyIn`, and also reports whether other users can access the file. */
export const privateKeyFileIn: Reader<PrivateKeyFile> = (path) => {
  const read = privateKeyIn(path);
  if ('wrong' in read) return read;
  return { value: { pem: read.value, isExposed: (statSync(path).mode & OTHERS_READ_OR_WRITE) !== 0 } };
};

/** Returns whether the private key belongs to the first certificate; both are valid PEM texts. */
export function isKeyOf(key: string, certificates: string): boolean {
  return new X509Certificate(certificates).checkPrivateKey(createPrivateKey(key));
}

function pemIn(path: string): Reading<string> {
  try {
    return { value: readFileSync(path, 'latin1') };
  } catch (error) {
    return { wrong: `cannot be read (${reasonOf(error)})` };
  }
}

/** Returns why a file could not be read, without any of its contents. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return REASONS[code] ?? code;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'the file does not exist',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8',
};

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).type === 'private';
  } catch {
    return false;
  }
}
