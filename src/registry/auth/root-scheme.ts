import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { follow, isUpgrade } from '../transport/redirects.ts';
import { basicAuthorization } from './credentials.ts';
import { type ChallengeOptions, type Scheme, schemesOf } from './scheme.ts';

export interface RootOptions extends ChallengeOptions {
  readonly registryUrl: URL;
  readonly gitlabUrl?: string | undefined;
  readonly onHttpsRedirect?: (httpsUrl: string) => void;
}

/** What `GET /v2/` without credentials shows. It holds for a URL until the registry asks for something else there. */
export interface Root {
  readonly scheme: Scheme;
  /** Whether the registry answers without credentials. */
  readonly isOpen: boolean;
  /** The URL of the registry, ending with a slash: https if the registry redirects there. */
  readonly base: URL;
}

/** Reads the response to `GET /v2/` without credentials (Docker registry HTTP API v2, "API Version Check"). */
export async function detectScheme(http: HttpClient, options: RootOptions, signal: AbortSignal): Promise<Root> {
  const asked = new URL('v2/', options.registryUrl);
  const response = await follow(http, asked, { method: 'GET', signal, isVital: true }, undefined);
  // Later requests go there at once, so that no credentials are sent over plain http.
  const base = httpsBase(response.url, asked) ?? options.registryUrl;
  if (base !== options.registryUrl) options.onHttpsRedirect?.(base.href);
  const url = new URL('v2/', base);
  const authorization = basicAuthorization(options);
  if (response.status === 200) {
    // A registry without GitLab may be open to everyone and show more to known users, as zot does: send the credentials.
    const scheme: Scheme =
      authorization === undefined || options.gitlabUrl !== undefined
        ? { kind: 'open' }
        : { kind: 'basic', authorization };
    return { scheme, isOpen: true, base };
  }
  if (response.status !== 401) {
    throw new RegistryError('unavailable', `this is not a registry: status ${response.status}`, url, response);
  }
  const { schemes, problem, hasBasic } = schemesOf(response, url, options);
  const [scheme] = schemes;
  if (scheme !== undefined) return { scheme, isOpen: false, base };
  if (problem !== undefined) throw problem;
  const what = hasBasic
    ? 'the registry requires a user name and a password, but none are set'
    : 'the registry offers neither token nor basic authentication';
  throw new RegistryError('unavailable', what, url, response);
}

/** Returns the https URL of the registry to which `/v2/` was redirected; undefined if it was not. */
function httpsBase(target: URL, asked: URL): URL | undefined {
  return isUpgrade(target, asked) && target.pathname.endsWith('/v2/') ? new URL('..', target) : undefined;
}
