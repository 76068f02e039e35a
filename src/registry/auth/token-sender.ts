import type { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { type FollowedRequest, type FollowedResponse, follow } from '../transport/redirects.ts';
import { type BearerScheme, type ChallengeOptions, challengesOf, schemeKey, schemesOf } from './scheme.ts';
import { CATALOG, type TokenSubject } from './token-scope.ts';
import type { TokenService } from './token-service.ts';

/** A request of a subject. */
export interface Sent {
  readonly subject: TokenSubject;
  readonly url: URL;
  readonly request: FollowedRequest;
}

export interface TokenSender {
  readonly scheme: BearerScheme;
  readonly tokens: TokenService;
  readonly options: ChallengeOptions;
}

/** The response to a request with one scheme. */
export interface Attempt {
  readonly response: FollowedResponse;
  readonly authorization: string | undefined;
  /** Set if the registry has refused a token that was requested for this subject alone. */
  readonly denies?: (error: RegistryError) => void;
  /** Whether the refusal is about the rights of the token, not about its validity. */
  readonly isAboutRights: boolean;
}

/** A token for several repositories, its renewal, a token of its own, and its renewal. */
const MOST_TOKENS = 4;

/** Only the registry's answer to a token for this subject alone counts: a token service may grant less to a token for several. */
export async function sendWithToken(
  http: HttpClient,
  { scheme, tokens, options }: TokenSender,
  { subject, url, request }: Sent,
): Promise<Attempt> {
  let hasRenewed = false;
  for (let tries = 1; ; tries++) {
    const token = await tokens.tokenFor(subject, request.signal);
    if (token.isShared && tokens.isMissing(token, subject)) {
      tokens.separate(subject);
      continue;
    }
    const response = await follow(http, url, request, token.authorization);
    const { authorization } = token;
    if (!isRefusal(response, 401) && !isRefusal(response, 403)) {
      if (response.status < 400 && isAbout(subject, url)) tokens.accepted(subject, token);
      return { response, authorization, isAboutRights: false };
    }
    const isMissing = tokens.isMissing(token, subject);
    const error = challengesOf(response)
      .find((challenge) => challenge.scheme === 'bearer')
      ?.parameters.get('error');
    const isAboutRights = error === 'insufficient_scope' || isMissing;
    const isLast = tries >= MOST_TOKENS || wantsOther(scheme, response, url, options);
    if (!isLast && token.isShared) {
      if (isRefusal(response, 401) && !isAboutRights && tokens.mayHaveExpired(subject, token, error))
        tokens.refuse(subject, token);
      else tokens.separate(subject);
      continue;
    }
    const mayRenew = !isLast && !hasRenewed && isRefusal(response, 401) && !isAboutRights;
    if (isRefusal(response, 401) && !isMissing) tokens.refuse(subject, token);
    if (mayRenew) {
      hasRenewed = true;
      continue;
    }
    const denies = isMissing ? (refusal: RegistryError) => tokens.deny(subject, token, refusal) : undefined;
    return { response, authorization, isAboutRights, ...(denies && { denies }) };
  }
}

/** Returns whether a refusal asks for another scheme than this one. A challenge that cannot be used does not count. */
function wantsOther(scheme: BearerScheme, response: FollowedResponse, url: URL, options: ChallengeOptions): boolean {
  const { schemes } = schemesOf(response, url, options);
  return schemes.length > 0 && !schemes.some((other) => schemeKey(other) === schemeKey(scheme));
}

/** A refusal by a blob store at another origin says nothing about the user's rights in the registry. */
export function isRefusal({ status, isFromOtherOrigin }: FollowedResponse, refusal: 401 | 403): boolean {
  return status === refusal && !isFromOtherOrigin;
}

/** Some URLs need only any valid token: their responses say nothing about the subject. */
function isAbout(subject: TokenSubject, { pathname }: URL): boolean {
  return subject === CATALOG || pathname.includes(`/${subject}/`);
}
