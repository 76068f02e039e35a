import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The characters that need no escaping in a header, in the log and in the fragment of a URL (RFC 3986, 3.5). */
const VALID_ID = /^[A-Za-z0-9._~:@/+=-]{1,128}$/;

/** Returns the id from the `X-Request-Id` header, so that a proxy's log and ours have the same id; without a valid one, a new id. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = String(headers['x-request-id'] ?? '');
  return VALID_ID.test(given) ? given : randomUUID();
}
