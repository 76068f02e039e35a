import type { IncomingMessage } from 'node:http';
import { badRequest, type Problem } from './problems.ts';

/** `uri-host [":" port]` (RFC 9110, 7.2), restricted to the characters of host names and addresses. */
const HOST = /^(\[[\da-f:.]+\]|[a-z\d._-]+)(?::\d{0,5})?$/i;

/** Returns the problem with the host of a request; undefined if there is none. */
export type HostCheck = (request: IncomingMessage, isForAnyHost: boolean) => Problem | undefined;

/**
 * Creates the check of the host that a request is for. There must be exactly one valid host (RFC 9112, 3.2), and it must be in the list, if there
 * is one: a web page that was made to resolve to this server (DNS rebinding) sends its own name.
 *
 * @param allowed names and addresses in lower case, without ports; undefined for any host
 */
export function createHostCheck(allowed: readonly string[] | undefined): HostCheck {
  const listed = allowed === undefined ? undefined : new Set(allowed);
  return (request, isForAnyHost) => {
    const count = countHeader(request.rawHeaders, 'host');
    if (count > 1) return SEVERAL_HOSTS;
    if (count === 0 && request.httpVersionMinor > 0) return NO_HOST;
    const { host } = request.headers;
    if (host !== undefined && !HOST.test(host)) return INVALID_HOST;
    if (listed === undefined || isForAnyHost) return undefined;
    return listed.has(nameOf(authorityOf(request) ?? host ?? '')) ? undefined : HOST_NOT_ALLOWED;
  };
}

const SEVERAL_HOSTS = badRequest('The request must have only one Host header');
const NO_HOST = badRequest('The request must have a Host header');
const INVALID_HOST = badRequest('The Host header must be a valid host');
/** RFC 9110, 15.5.20. */
const HOST_NOT_ALLOWED: Problem = {
  status: 421,
  detail: 'The service does not serve this host: the setting [general] allowed_hosts does not list it',
};

/**
 * Returns how often a header occurs. Node uses the first of several, and other programs the last one, so a request with two may be understood in
 * two ways.
 *
 * @param name in lower case
 */
export function countHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const other = rawHeaders[i] ?? '';
    if (other.length === name.length && other.toLowerCase() === name) count++;
  }
  return count;
}

/** The host of an absolute request URL takes precedence over the Host header (RFC 9112, 3.2.2). */
function authorityOf(request: IncomingMessage): string | undefined {
  const { originalUrl = '' } = request as IncomingMessage & { readonly originalUrl?: string };
  return originalUrl.startsWith('/') || !URL.canParse(originalUrl) ? undefined : new URL(originalUrl).host;
}

function nameOf(host: string): string {
  return (HOST.exec(host)?.[1] ?? '').toLowerCase().replace(/\.$/, '');
}
