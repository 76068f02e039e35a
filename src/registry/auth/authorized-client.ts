import type { RepositoryName } from '../../domain/names.ts';
import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { type FollowedRequest, type FollowedResponse, follow } from '../transport/redirects.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import { createLearnedSchemes } from './learned-schemes.ts';
import { detectScheme, type Root } from './root-scheme.ts';
import { type BearerScheme, challengesOf, type Scheme, schemeKey, schemesOf } from './scheme.ts';
import { CATALOG, type TokenSubject } from './token-scope.ts';
import type { TokenService, TokenServiceOptions } from './token-service.ts';
import { createTokenServices } from './token-services.ts';

export interface AuthorizedOptions extends Credentials, Pick<TokenServiceOptions, 'steadyClock'> {
  /** Ends with a slash. */
  readonly registryUrl: URL;
  /** The only origins that receive the credentials. */
  readonly tokenOrigins: readonly string[];
  /** The GitLab of the registry, ending with a slash; undefined for a registry without GitLab. */
  readonly gitlabUrl?: string | undefined;
  /** Called once a crawl if the registry redirects its plain http URL to https at the same host. */
  readonly onHttpsRedirect?: (httpsUrl: string) => void;
}

/** Sends requests to the registry as the configured user: with a token, with basic authentication, or anonymously. */
export interface AuthorizedClient {
  /** Forgets the tokens, and how the registry answers without credentials: both may have changed since the last crawl. */
  begin(): void;
  /** Throws a `RegistryError` of kind forbidden if the user may not read the subject. A 401 or 403 in a response comes from a blob store. */
  send(subject: TokenSubject, path: string, request: FollowedRequest): Promise<HttpResponse>;
  /** The token service for repositories; undefined if the registry uses no tokens for them. */
  realm(signal: AbortSignal): Promise<URL | undefined>;
  /** Announces repositories that will be read soon, so that they share tokens. */
  expect(repositories: readonly RepositoryName[], signal: AbortSignal): Promise<void>;
}

/** The response to a request with one scheme. */
interface Attempt {
  readonly response: FollowedResponse;
  readonly authorization: string | undefined;
  /** Set if the registry has refused a token that was requested for this subject alone. */
  readonly denies?: (error: RegistryError) => void;
  /** Whether the refusal is about the rights of the token, not about its validity. */
  readonly isAboutRights: boolean;
}

/** Basic, a token service and another one. */
const MOST_SCHEMES = 4;
/** A token for several repositories, its renewal, a token of its own, and its renewal. */
const MOST_TOKENS = 4;
/** If nobody can tell whether the credentials are wrong, this many subjects are refused before the crawl ends. */
const MOST_UNCLEAR_REFUSALS = 10;

export function createAuthorizedClient(http: HttpClient, options: AuthorizedOptions): AuthorizedClient {
  const root = createSingleFlight<Root>();
  const accepted = createSingleFlight<boolean>();
  const learned = createLearnedSchemes();
  const tokenServices = createTokenServices(http, options);
  let hasWorked = false;
  let unclearRefusals = 0;
  const currentRoot = (signal: AbortSignal): Promise<Root> =>
    root.ask(signal, (asked) => detectScheme(http, options, asked));

  async function sendAs(scheme: Scheme, subject: TokenSubject, url: URL, request: FollowedRequest): Promise<Attempt> {
    if (scheme.kind === 'bearer') return sendWithToken(scheme, tokenServices.of(scheme), subject, url, request);
    const authorization = scheme.kind === 'basic' ? scheme.authorization : undefined;
    return { response: await follow(http, url, request, authorization), authorization, isAboutRights: false };
  }

  /** Only the registry's answer to a token for this subject alone counts: a token service may grant less to a token for several. */
  async function sendWithToken(
    scheme: BearerScheme,
    tokens: TokenService,
    subject: TokenSubject,
    url: URL,
    request: FollowedRequest,
  ): Promise<Attempt> {
    for (let tries = 1; ; tries++) {
      const token = await tokens.tokenFor(subject, request.signal);
      if (token.isShared && tokens.isMissing(token, subject)) {
        tokens.separate(subject);
        continue;
      }
      const response = await follow(http, url, request, token.authorization);
      const { authorization } = token;
      if (!isRefusal(response, 401) && !isRefusal(response, 403)) {
        if (response.status < 400) tokens.accepted(subject, token);
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
      const mayRenew = !isLast && isRefusal(response, 401) && !isAboutRights;
      if (isRefusal(response, 401) && !isMissing) tokens.refuse(subject, token);
      if (mayRenew && !token.isRenewed) continue;
      const denies = isMissing ? (refusal: RegistryError) => tokens.deny(subject, token, refusal) : undefined;
      return { response, authorization, isAboutRights, ...(denies && { denies }) };
    }
  }

  /** Returns whether the registry lets these credentials in at all; undefined if it lets in everybody. */
  async function isAccepted(authorization: string, signal: AbortSignal): Promise<boolean | undefined> {
    const { isOpen, base } = await currentRoot(signal);
    if (isOpen) return undefined;
    return accepted.ask(signal, async (asked) => {
      const response = await follow(http, new URL('v2/', base), { method: 'GET', signal: asked }, authorization);
      return response.status < 400;
    });
  }

  async function refused(
    { response, authorization, isAboutRights, denies }: Attempt,
    problem: RegistryError | undefined,
    {
      subject,
      url,
      proof,
      signal,
    }: { subject: TokenSubject; url: URL; proof: string | undefined; signal: AbortSignal },
  ): Promise<RegistryError> {
    const isAnonymous = basicAuthorization(options) === undefined;
    if (isAboutRights) {
      const error = forbidden(subject, url, response);
      denies?.(error);
      return error;
    }
    const error =
      problem ??
      new RegistryError(
        'unavailable',
        authorization?.startsWith('Bearer ') === true
          ? 'the registry rejects the tokens of its own token service'
          : 'the registry rejects the user name or the access token',
        url,
        response,
      );
    if (hasWorked) return problem?.as('forbidden') ?? forbidden(subject, url, response);
    if (problem !== undefined) return problem;
    // Without credentials, only this subject is refused: a registry may have both public and private repositories.
    if (isAnonymous) return new RegistryError('forbidden', 'the registry requires credentials for this', url, response);
    if (authorization === undefined) return forbidden(subject, url, response);
    const isIn = await isAccepted(proof ?? authorization, signal);
    if (isIn === undefined) {
      const isUnclear = subject !== CATALOG && ++unclearRefusals <= MOST_UNCLEAR_REFUSALS;
      return isUnclear ? error.as('forbidden') : error;
    }
    return isIn ? forbidden(subject, url, response) : error;
  }

  return {
    begin() {
      root.forget();
      accepted.forget();
      tokenServices.begin();
      hasWorked = false;
      unclearRefusals = 0;
    },
    async realm(signal) {
      const { scheme } = await currentRoot(signal);
      return scheme.kind === 'bearer' ? scheme.realm : undefined;
    },
    async expect(repositories, signal) {
      await currentRoot(signal);
      tokenServices.expect(repositories);
    },
    async send(subject, path, request) {
      const { base, scheme: first } = await currentRoot(request.signal);
      const url = new URL(path, base);
      const tried = new Set<string>();
      let scheme = learned.schemeFor(subject, path) ?? first;
      /** The credentials in the form that `/v2/` asks for. */
      let proof: string | undefined;
      try {
        for (;;) {
          tried.add(schemeKey(scheme));
          const denial = scheme.kind === 'bearer' ? tokenServices.of(scheme).denialOf(subject) : undefined;
          if (denial !== undefined) throw denial;
          const attempt = await sendAs(scheme, subject, url, request);
          const { response } = attempt;
          if (schemeKey(scheme) === schemeKey(first)) proof = attempt.authorization;
          if (isRefusal(response, 403)) {
            const error = forbidden(subject, url, response);
            attempt.denies?.(error);
            throw error;
          }
          if (!isRefusal(response, 401)) {
            learned.works(subject, path, scheme);
            hasWorked ||= response.status < 400;
            return response;
          }
          const { schemes, problem } = schemesOf(response, url, options);
          const next = schemes.find((other) => !tried.has(schemeKey(other)));
          if (next === undefined || tried.size >= MOST_SCHEMES)
            throw await refused(attempt, problem, { subject, url, proof, signal: request.signal });
          scheme = next;
        }
      } catch (error) {
        // The registry may have changed to another scheme or token service.
        if (error instanceof RegistryError && error.kind === 'unavailable') learned.forget();
        throw error;
      }
    },
  };
}

/** Returns whether a refusal asks for another scheme than this one. A challenge that cannot be used does not count. */
function wantsOther(scheme: BearerScheme, response: HttpResponse, url: URL, options: AuthorizedOptions): boolean {
  const { schemes } = schemesOf(response, url, options);
  return schemes.length > 0 && !schemes.some((other) => schemeKey(other) === schemeKey(scheme));
}

/** A refusal by a blob store at another origin says nothing about the user's rights in the registry. */
function isRefusal({ status, isFromOtherOrigin }: FollowedResponse, refusal: 401 | 403): boolean {
  return status === refusal && !isFromOtherOrigin;
}

function forbidden(subject: TokenSubject, url: URL, response: HttpResponse): RegistryError {
  return new RegistryError(
    'forbidden',
    subject === CATALOG
      ? 'the user may not list the repositories; in GitLab and Harbor only administrators may'
      : 'the user may not read the repository',
    url,
    response,
  );
}
