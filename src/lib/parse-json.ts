import { Buffer } from 'node:buffer';

/** Parses JSON text, or the UTF-8 bytes of one. Returns undefined if it is not valid JSON; never throws. */
export function parseJson(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : decodeUtf8(text));
  } catch {
    return undefined;
  }
}

/** Decodes UTF-8 without copying the bytes first. Invalid sequences become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
