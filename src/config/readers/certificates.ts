import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Reader, Reading } from './key.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----[^-]+(?:-[^-]+)*-----END \1-----/g;

/** The certificates in the PEM file that is named, as PEM text. Whatever else the file holds is left out: a key would be a secret. */
export const certificatesIn: Reader<string> = (path) => {
  const read = pemIn(path);
  if ('wrong' in read) return read;
  const certificates = read.value.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return { wrong: 'holds no PEM certificate' };
  if (!certificates.every(isCertificate)) return { wrong: 'holds a broken certificate' };
  return { value: `${certificates.join('\n')}\n` };
};

/** The private key in the PEM file that is named, as PEM text: a secret. */
export const privateKeyIn: Reader<string> = (path) => {
  const read = pemIn(path);
  if ('wrong' in read) return read;
  const [key, ...others] = read.value.match(PRIVATE_KEY) ?? [];
  if (key === undefined) return { wrong: 'holds no PEM private key' };
  if (others.length > 0) return { wrong: 'holds more than one private key' };
  if (/ENCRYPTED/.test(key)) return { wrong: 'holds a private key that needs a password' };
  return isPrivateKey(key) ? { value: `${key}\n` } : { wrong: 'holds a broken private key' };
};

/** A private key, and whether others than its owner may write its file, or others than its group read it. */
export interface PrivateKeyFile {
  readonly pem: string;
  readonly isExposed: boolean;
}

const OTHERS_READ_OR_WRITE = 0o026;

/** As `privateKeyIn`, of a file that somebody should look after. */
export const privateKeyFileIn: Reader<PrivateKeyFile> = (path) => {
  const read = privateKeyIn(path);
  if ('wrong' in read) return read;
  return { value: { pem: read.value, isExposed: (statSync(path).mode & OTHERS_READ_OR_WRITE) !== 0 } };
};

/** Whether the private key belongs to the first of the certificates; both are PEM texts that have been read. */
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

/** Why a file could not be read, in words that hold nothing of it. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return REASONS[code] ?? code;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'there is no such file',
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
