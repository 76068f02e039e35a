import type { IncomingMessage } from 'node:http';
import { badRequest, OTHER_HOST, type Problem } from './problems.ts';

/** `uri-host [":" port]` (RFC 9110, 7.2), of the characters that hosts have. */
const HOST = /^(\[[\da-f:.]+\]|[a-z\d._-]+)(?::\d{0,5})?$/i;

/** What is wrong with the host of a request, where any legal one is allowed or only some. */
export type HostCheck = (request: IncomingMessage, isAnyAllowed: boolean) => Problem | undefined;

/**
 * What is wrong with the host that a request is for, if anything is: it must be one, and legal (RFC 9112, 3.2), and where there is a list, one
 * of the list. A page whose name was made to lead here (DNS rebinding) says its own name.
 *
 * @param allowed names and addresses in lower case, without ports; undefined for any
 */
export function createHostCheck(allowed: readonly string[] | undefined): HostCheck {
  const listed = allowed === undefined ? undefined : new Set(allowed);
  return (request, isAnyAllowed) => {
    const count = countHeader(request.rawHeaders, 'host');
    if (count > 1) return SEVERAL_HOSTS;
    if (count === 0 && request.httpVersionMinor > 0) return NO_HOST;
    const { host } = request.headers;
    if (host !== undefined && !HOST.test(host)) return NO_LEGAL_HOST;
    if (listed === undefined || isAnyAllowed) return undefined;
    return listed.has(nameOf(authorityOf(request) ?? host ?? '')) ? undefined : OTHER_HOST;
  };
}

const SEVERAL_HOSTS = badRequest('There is more than one header Host');
const NO_HOST = badRequest('The header Host is missing');
const NO_LEGAL_HOST = badRequest('The header Host holds no legal host');

/** Node takes the first of several, and others the last: so their number counts. The name is in lower case. */
export function countHeader(rawHeaders: readonly string[], wanted: string): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === wanted.length && name.toLowerCase() === wanted) count++;
  }
  return count;
}

/** Where the whole URL is asked for, its host counts instead of the header (RFC 9112, 3.2.2). */
function authorityOf(request: IncomingMessage): string | undefined {
  const { originalUrl = '' } = request as IncomingMessage & { readonly originalUrl?: string };
  return originalUrl.startsWith('/') || !URL.canParse(originalUrl) ? undefined : new URL(originalUrl).host;
}

function nameOf(host: string): string {
  return (HOST.exec(host)?.[1] ?? '').toLowerCase().replace(/\.$/, '');
}
