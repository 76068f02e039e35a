import { RegistryError } from '../errors.ts';
import type { HttpClient } from './http-client.ts';
import { isLinkLocal } from './link-local.ts';
import type { HttpResponse } from './send-once.ts';

export interface FollowedRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** As the client has them (http.ts). */
  readonly isVital?: true;
  readonly mostBytes?: number;
}

export interface FollowedAnswer extends HttpResponse {
  readonly isFromElsewhere: boolean;
}

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Follows redirects, as blob stores ask for them: at another origin without the authorization, and never to where a registry has no business. */
export async function follow(
  http: HttpClient,
  url: URL,
  request: FollowedRequest,
  authorization: string | undefined,
): Promise<FollowedAnswer> {
  let target = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const isFromElsewhere = target.origin !== url.origin;
    const headers = { ...request.headers, authorization: isFromElsewhere ? undefined : authorization };
    const answer = await http.send(target, { ...request, headers });
    const location = answer.headers['location'];
    if (!REDIRECTS.has(answer.status) || typeof location !== 'string' || !URL.canParse(location, target.href))
      return { ...answer, isFromElsewhere };
    target = new URL(location, target);
    if (!isAllowedTarget(target, url)) {
      throw new RegistryError('unreadable', `a redirect to ${target.origin} is not followed`, url, answer);
    }
  }
  throw new RegistryError('unreadable', `more than ${MOST_REDIRECTS} redirects`, url);
}

/** No downgrade from https, and no link-local address; a name for one is found out when it is connected to (link-local.ts). */
function isAllowedTarget(target: URL, from: URL): boolean {
  const isWeb = target.protocol === 'https:' || (target.protocol === 'http:' && from.protocol === 'http:');
  return isWeb && !isLinkLocal(target.hostname.replace(/^\[|\]$/g, ''));
}
