import type { Reader } from './key.ts';
import { line } from './readers.ts';

const SHORTEST_SECRET_BYTES = 16;

/** A description of valid secrets. */
export const HEADER_SECRET = `at least ${SHORTEST_SECRET_BYTES} random bytes in one line, such as \`openssl rand -hex 32\` prints`;

/** Reads a secret that is sent as a header value: servers remove white space around it (RFC 9110, 5.5). */
export const headerSecret: Reader<string> = (text) => {
  if (text !== text.trim()) return { wrong: 'begins or ends with white space' };
  const isLong = Buffer.byteLength(text) >= SHORTEST_SECRET_BYTES;
  return isLong ? line(text) : { wrong: `is shorter than ${SHORTEST_SECRET_BYTES} bytes` };
};
