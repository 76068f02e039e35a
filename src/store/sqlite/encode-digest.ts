import { Buffer } from 'node:buffer';
import type { Digest } from '../../domain/names.ts';
import type { Value } from './database.ts';

const SHA256 = 'sha256:';

/** Encodes a sha256 digest as its 32 bytes, and any other digest as text: a BLOB never equals a text. */
export function encodeDigest(digest: Digest): Value {
  return digest.startsWith(SHA256) ? Buffer.from(digest.slice(SHA256.length), 'hex') : digest;
}

export function decodeDigest(value: Value): Digest {
  if (!(value instanceof Uint8Array)) return String(value) as Digest;
  return `${SHA256}${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}` as Digest;
}

/** Encodes many digests as one parameter: a JSON array for json_each(). `DIGEST_OF_VALUE` turns each of its values into what a column contains. */
export function encodeDigests(digests: readonly Digest[]): string {
  return JSON.stringify(digests.map((digest) => (digest.startsWith(SHA256) ? digest.slice(SHA256.length) : digest)));
}

/** unhex() returns NULL for a text that is not hexadecimal, which every other digest is because of its colon. */
export const DIGEST_OF_VALUE = 'coalesce(unhex(value), value)';
