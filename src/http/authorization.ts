import { isUtf8 } from 'node:buffer';
import { hash, timingSafeEqual } from 'node:crypto';

/** The token of an `Authorization: Bearer` header; the scheme's case does not matter (RFC 9110, 11.1). */
export function bearerToken(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * The name and password of an `Authorization: Basic` header (RFC 7617): the password begins behind the first colon, and neither may
 * be empty or hold control characters. Bytes that are no UTF-8 are read as Latin-1, which is what browsers' `btoa` makes.
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
 * Tells whether an `Authorization` header is the secret, bare or as `Bearer <secret>`. What is compared are hashes, and in constant time:
 * how long that takes shows neither how much was right, nor how long the secret is.
 */
export function createSecretCheck(secret: string): (header: string | undefined) => boolean {
  const expected = hash('sha256', secret, 'buffer');
  // Node reads headers as Latin-1, and whoever writes other characters into one most likely writes UTF-8.
  const isExpected = (text: string): boolean =>
    timingSafeEqual(hash('sha256', Buffer.from(text, 'latin1'), 'buffer'), expected);
  return (header = '') => {
    const [isBare, isBearer] = [isExpected(header), isExpected(header.replace(/^bearer +/i, ''))];
    return isBare || isBearer;
  };
}
