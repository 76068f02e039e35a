import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What may stand in a header, in a log and in the fragment of a URL as it is (RFC 3986, 3.5), and is no longer than ids are. */
const TRUSTED = /^[A-Za-z0-9._~:@/+=-]{1,128}$/;

/** The id that a proxy in front has given a request in `X-Request-Id`, so that both logs tell of the same one; or else a new one. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = String(headers['x-request-id'] ?? '');
  return TRUSTED.test(given) ? given : randomUUID();
}
