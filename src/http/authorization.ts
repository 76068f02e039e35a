import { isUtf8 } from 'node:buffer';
import { hash, timingSafeEqual } from 'node:crypto';
import type { Credentials } from '../ports.ts';

/** Returns the token of an `Authorization: Bearer` header. The case of the scheme does not matter (RFC 9110, 11.1). */
export function bearerToken(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}

/**
 * Parses an `Authorization: Basic` header (RFC 7617). The password begins after the first colon. Neither the name nor the password may be empty or
 * contain control characters. Bytes that are not UTF-8 are read as Latin-1, because `btoa` of browsers writes Latin-1.
 */
export function basicCredentials(header: string | undefined): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const text = isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1 || /\p{Cc}/u.test(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * Returns a function that tells whether an `Authorization` header contains the secret, bare or as `Bearer <secret>`. It compares hashes in constant
 * time: the time reveals neither how much of the header is right nor how long the secret is.
 */
export function createSecretCheck(secret: string): (header: string | undefined) => boolean {
  const expected = hash('sha256', secret, 'buffer');
  // Node decodes headers as Latin-1, and clients write other characters as UTF-8.
  const isSecret = (text: string): boolean =>
    timingSafeEqual(hash('sha256', Buffer.from(text, 'latin1'), 'buffer'), expected);
  return (header = '') => {
    const [isBare, isBearer] = [isSecret(header), isSecret(header.replace(/^bearer +/i, ''))];
    return isBare || isBearer;
  };
}
