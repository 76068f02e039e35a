import { Buffer } from 'node:buffer';
import type { Digest } from '../../domain/names.ts';
import type { Value } from '../sqlite/database.ts';

const SHA256 = 'sha256:';

/** Nearly all digests are sha256, and take the 32 bytes that they are; others are the text, which no BLOB is equal to. */
export function encodeDigest(digest: Digest): Value {
  return digest.startsWith(SHA256) ? Buffer.from(digest.slice(SHA256.length), 'hex') : digest;
}

export function decodeDigest(value: Value): Digest {
  if (!(value instanceof Uint8Array)) return String(value) as Digest;
  return `${SHA256}${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}` as Digest;
}

/** Many in one parameter: an array for json_each(), of whose values `DIGEST_OF_VALUE` is what a column holds. */
export function encodeDigests(digests: readonly Digest[]): string {
  return JSON.stringify(digests.map((digest) => (digest.startsWith(SHA256) ? digest.slice(SHA256.length) : digest)));
}

/** No other digest is all hexadecimal digits: the colon is none. */
export const DIGEST_OF_VALUE = 'coalesce(unhex(value), value)';
