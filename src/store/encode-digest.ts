import { Buffer } from 'node:buffer';
import type { Digest } from '../domain/names.ts';
import type { Value } from './database.ts';

const SHA256 = 'sha256:';

/** Nearly all digests are sha256, and take the 32 bytes that they are; others are the text, which no BLOB is equal to. */
export function encodeDigest(digest: Digest): Value {
  return digest.startsWith(SHA256) ? Buffer.from(digest.slice(SHA256.length), 'hex') : digest;
}

export function decodeDigest(value: Value): Digest {
  if (!(value instanceof Uint8Array)) return String(value) as Digest;
  return `${SHA256}${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}` as Digest;
}
