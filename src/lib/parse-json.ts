import { Buffer } from 'node:buffer';

/** What a text, or the bytes of one, holds as JSON; undefined where it is none. */
export function parseJson(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : toText(text));
  } catch {
    return undefined;
  }
}

export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
