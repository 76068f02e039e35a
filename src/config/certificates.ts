import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Reader } from './key.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates in the PEM file that is named, as PEM text. Whatever else the file holds is left out: a key would be a secret. */
export const certificatesIn: Reader<string> = (path) => {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    return { wrong: `cannot be read (${reasonOf(error)})` };
  }
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return { wrong: 'holds no PEM certificate' };
  if (!certificates.every(isCertificate)) return { wrong: 'holds a broken certificate' };
  return { value: `${certificates.join('\n')}\n` };
};

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
