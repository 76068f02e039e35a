import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { asOutage } from '../transport/outage-detector.ts';
import { MOST_REDIRECTS, REDIRECTS } from '../transport/redirects.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import { basicAuthorization } from './credentials.ts';
import type { RegistryToken, TokenServiceOptions } from './registry-token.ts';
import { readClaims } from './token-grants.ts';
import { isAllowedRedirect } from './token-realm.ts';
import { CATALOG, scopeOf, type TokenSubject } from './token-scope.ts';

/** Asks a token service. */
export interface TokenRequests {
  /** Returns a token for all subjects; `large` if it or the request is too large, and `denied` if fewer subjects may be granted. */
  ask(subjects: readonly TokenSubject[], signal: AbortSignal): Promise<NewToken | 'large' | 'denied'>;
}
type NewToken = Omit<RegistryToken, 'isShared'>;

const LONGEST_TOKEN = 6000;
const TOO_MUCH_ASKED: ReadonlySet<number> = new Set([400, 413, 414, 431, 502]);
/** The lifetime of a token that states none, by the Docker token specification. */
const DEFAULT_LIFE_SECONDS = 60;
const LONGEST_LIFE_SECONDS = 24 * 3600;
const RENEW_AFTER_SHARE_OF_LIFE = 0.8;
/** A 403 for one repository may also be the beginning of a ban: after this many without a token between them, it is taken for one. */
const MOST_DENIALS_IN_A_ROW = 5;

export function createTokenRequests(http: HttpClient, options: TokenServiceOptions): TokenRequests {
  const { lessons, realm, service, steadyClock } = options;
  const isAnonymous = basicAuthorization(options) === undefined;
  let hasGranted = false;
  let denialsInARow = 0;

  async function ask(subjects: readonly TokenSubject[], signal: AbortSignal): Promise<NewToken | 'large' | 'denied'> {
    const isCatalogue = subjects[0] === CATALOG;
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    if (!isCatalogue || lessons.hasNoCatalogueScope !== true)
      for (const subject of subjects) url.searchParams.append('scope', scopeOf(subject));
    const requestedAt = steadyClock();
    const response = await followTokenService(http, url, options, signal);
    const { status } = response;
    const isShared = subjects.length > 1;
    if (isShared && TOO_MUCH_ASKED.has(status)) return 'large';
    if (isCatalogue && status === 400 && lessons.hasNoCatalogueScope !== true) {
      lessons.hasNoCatalogueScope = true; // Quay knows only scopes of repositories
      return ask(subjects, signal);
    }
    if (isAnonymous && (status === 401 || status === 403)) {
      // Without credentials only these subjects are refused: GitLab's token service refuses what anonymous users may not read.
      if (isShared) return 'denied';
      throw new RegistryError('forbidden', 'the token service requires credentials for this', url, response);
    }
    if (hasGranted && status === 403 && ++denialsInARow <= MOST_DENIALS_IN_A_ROW) {
      if (isShared) return 'denied';
      throw new RegistryError('forbidden', 'the token service denies access to this', url, response);
    }
    if (hasGranted && (status === 400 || status === 404))
      throw new RegistryError('unreadable', refusal(status), url, response);
    const token = readToken(url, response, requestedAt);
    hasGranted = true;
    denialsInARow = 0;
    return isShared && token.authorization.length > LONGEST_TOKEN ? 'large' : token;
  }

  return { ask };
}

/** Follows redirects of a token service where the credentials may go. */
async function followTokenService(
  http: HttpClient,
  url: URL,
  options: TokenServiceOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const headers = { authorization: basicAuthorization(options) };
  let target = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const response = await http.send(target, { method: 'GET', headers, signal, isVital: true }).catch(asOutage);
    const location = response.headers['location'];
    if (!REDIRECTS.has(response.status) || typeof location !== 'string' || !URL.canParse(location, target.href))
      return response;
    const next = new URL(location, target);
    if (!isAllowedRedirect(next, target, options)) {
      const advice =
        next.protocol === 'https:' || url.protocol === 'http:'
          ? 'which is not a configured origin; if it is the right one, add it to token_origins'
          : 'and the credentials are not sent there by plain http';
      throw new RegistryError('unavailable', `the token service redirects to ${next.origin}, ${advice}`, url, response);
    }
    target = next;
  }
  throw new RegistryError('unavailable', `the token service sends more than ${MOST_REDIRECTS} redirects`, url);
}

/** Fields that are not needed may have any type. */
const tokenResponse = z.object({ token: z.unknown(), access_token: z.unknown(), expires_in: z.unknown() }).partial();

function readToken(url: URL, response: HttpResponse, requestedAt: number): NewToken {
  if (response.status !== 200) throw new RegistryError('unavailable', refusal(response.status), url, response);
  const found = tokenResponse.safeParse(parseJson(response.body)).data;
  const value = [found?.token, found?.access_token].find((text) => typeof text === 'string' && TOKEN.test(text));
  if (typeof value !== 'string')
    throw new RegistryError('unavailable', 'the response of the token service contains no token', url, response);
  const claims = readClaims(value);
  const lifeSeconds = [claims?.lifeSeconds, secondsIn(found?.expires_in)].find(isLife) ?? DEFAULT_LIFE_SECONDS;
  return {
    authorization: `Bearer ${value}`,
    renewAt: requestedAt + Math.min(lifeSeconds, LONGEST_LIFE_SECONDS) * 1000 * RENEW_AFTER_SHARE_OF_LIFE,
    grants: claims?.grants,
  };
}

/** A header value contains nothing else. */
const TOKEN = /^[\x21-\x7e]+$/;

/** Some token services write the number as text. */
function secondsIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}

function isLife(seconds: number | undefined): seconds is number {
  return seconds !== undefined && seconds > 0;
}

function refusal(status: number): string {
  if (status === 401) return 'the token service rejects the user name or the access token';
  if (status === 403) return 'the token service denies access, or has temporarily banned this address';
  if (status === 404) return 'the token service does not know the service that the registry names';
  return `the token service answered with status ${status}`;
}
