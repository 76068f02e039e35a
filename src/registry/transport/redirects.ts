import { RegistryError } from '../errors.ts';
import type { HttpClient } from './http-client.ts';
import { isLinkLocal } from './link-local.ts';
import type { HttpResponse } from './send-once.ts';

export interface FollowedRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** As in http-client.ts. */
  readonly isVital?: true;
  readonly mostBytes?: number;
}

export interface FollowedResponse extends HttpResponse {
  /** False for the same path at https of the same host as a plain http URL. */
  readonly isFromOtherOrigin: boolean;
  /** The URL that the last redirect leads to. */
  readonly url: URL;
}

export const MOST_REDIRECTS = 5;
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Follows redirects, which registries send for blob stores: to other origins without the authorization, and never to link-local addresses. From plain
 * http to the same path at https of the same host, the authorization goes along: the operator has accepted to send it to this host unprotected.
 */
export async function follow(
  http: HttpClient,
  url: URL,
  request: FollowedRequest,
  authorization: string | undefined,
): Promise<FollowedResponse> {
  let target = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const isFromOtherOrigin = target.origin !== url.origin && !isSameAtHttps(target, url);
    const headers = { ...request.headers, authorization: isFromOtherOrigin ? undefined : authorization };
    const response = await http.send(target, { ...request, headers });
    const location = response.headers['location'];
    if (!REDIRECTS.has(response.status) || typeof location !== 'string' || !URL.canParse(location, target.href))
      return { ...response, isFromOtherOrigin, url: target };
    target = new URL(location, target);
    if (!isAllowedTarget(target, url)) {
      throw new RegistryError('unreadable', `the redirect to ${target.origin} is not allowed`, url, response);
    }
  }
  throw new RegistryError('unreadable', `more than ${MOST_REDIRECTS} redirects`, url);
}

/** Rejects downgrades from https and link-local addresses; names are checked when they are resolved (link-local.ts). */
function isAllowedTarget(target: URL, from: URL): boolean {
  const isWeb = target.protocol === 'https:' || (target.protocol === 'http:' && from.protocol === 'http:');
  return isWeb && !isLinkLocal(target.hostname.replace(/^\[|\]$/g, ''));
}

/** Returns whether a redirect leads from plain http to https at the same host. */
export function isUpgrade(target: URL, from: URL): boolean {
  return from.protocol === 'http:' && target.protocol === 'https:' && target.hostname === from.hostname;
}

/** A blob store may be at another port of the same host, but not with the registry's path. */
function isSameAtHttps(target: URL, from: URL): boolean {
  return isUpgrade(target, from) && target.pathname === from.pathname;
}
