import type { RepositoryName } from '../../domain/names.ts';
import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { type FollowedRequest, type FollowedResponse, follow } from '../transport/redirects.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import { createTokenGate, type TokenGate } from './token-gate.ts';
import {
  CATALOG,
  createTokenService,
  scopeOf,
  type TokenService,
  type TokenServiceOptions,
  type TokenSubject,
} from './token-service.ts';

export interface AuthorizedOptions extends Credentials, Pick<TokenServiceOptions, 'steadyClock'> {
  /** Ends with a slash. */
  readonly registryUrl: URL;
  /** The only origins that receive the credentials. */
  readonly tokenOrigins: readonly string[];
  /** The GitLab of the registry, ending with a slash; undefined for a registry without GitLab. */
  readonly gitlabUrl?: string | undefined;
}

/** Sends requests to the registry as the configured user: with a token, with basic authentication, or anonymously. */
export interface AuthorizedClient {
  /** Forgets how the registry authenticates and which repositories share tokens: both may have changed since the last crawl. */
  begin(): void;
  /** Throws a `RegistryError` of kind forbidden if the user may not read the subject. A 401 or 403 in a response comes from a blob store. */
  send(subject: TokenSubject, path: string, request: FollowedRequest): Promise<HttpResponse>;
  /** The token service that the registry names; undefined if it uses no tokens. */
  realm(signal: AbortSignal): Promise<URL | undefined>;
  /** Announces repositories that will be read soon, so that they share tokens. */
  expect(repositories: readonly RepositoryName[], signal: AbortSignal): Promise<void>;
}

type Scheme =
  | { readonly kind: 'open' }
  | { readonly kind: 'basic'; readonly authorization: string }
  | { readonly kind: 'bearer'; readonly realm: URL; readonly tokens: TokenService };

export function createAuthorizedClient(http: HttpClient, options: AuthorizedOptions): AuthorizedClient {
  const scheme = createSingleFlight<Scheme>();
  const gate = createTokenGate(options.steadyClock);
  const currentScheme = (signal: AbortSignal): Promise<Scheme> =>
    scheme.ask(signal, (asked) => detectScheme(http, { ...options, gate }, asked));

  async function sendWithToken(
    tokens: TokenService,
    subject: TokenSubject,
    url: URL,
    request: FollowedRequest,
  ): Promise<FollowedResponse> {
    for (let tries = 0; ; tries++) {
      const token = await tokens.tokenFor(subject, request.signal);
      if (token.grants?.has(scopeOf(subject)) === false) throw forbidden(subject, url);
      const response = await follow(http, url, request, token.authorization);
      if (!isRefusal(response, 401)) return response;
      tokens.refuse(subject, token);
      const error = challengeOf(response, 'bearer')?.parameters.get('error');
      if (error === 'insufficient_scope') throw forbidden(subject, url, response);
      if (tries > 0)
        throw new RegistryError(
          'unavailable',
          'the registry rejects the tokens of its own token service',
          url,
          response,
        );
    }
  }

  return {
    begin: scheme.forget,
    async realm(signal) {
      const found = await currentScheme(signal);
      return found.kind === 'bearer' ? found.realm : undefined;
    },
    async expect(repositories, signal) {
      const found = await currentScheme(signal);
      if (found.kind === 'bearer') found.tokens.expect(repositories);
    },
    async send(subject, path, request) {
      const url = new URL(path, options.registryUrl);
      const found = await currentScheme(request.signal);
      const response =
        found.kind === 'bearer'
          ? await sendWithToken(found.tokens, subject, url, request)
          : await follow(http, url, request, found.kind === 'basic' ? found.authorization : undefined);
      if (isRefusal(response, 401)) throw unauthorized(options, url, response);
      if (isRefusal(response, 403)) throw forbidden(subject, url, response);
      return response;
    },
  };
}

/** A refusal by a blob store at another origin says nothing about the user's rights in the registry. */
function isRefusal({ status, isFromOtherOrigin }: FollowedResponse, refusal: 401 | 403): boolean {
  return status === refusal && !isFromOtherOrigin;
}

/** Without credentials, only this subject is refused: a registry may have both public and private repositories. */
function unauthorized(options: Credentials, url: URL, response: HttpResponse): RegistryError {
  return basicAuthorization(options) === undefined
    ? new RegistryError('forbidden', 'the registry requires credentials for this', url, response)
    : new RegistryError('unavailable', 'the registry rejects the user name or the access token', url, response);
}

/** @param response the refusal; undefined if the token already shows that access is not granted */
function forbidden(subject: TokenSubject, url: URL, response?: HttpResponse): RegistryError {
  return new RegistryError(
    'forbidden',
    subject === CATALOG
      ? 'the user may not list the repositories; in GitLab and Harbor only administrators may'
      : 'the user may not read the repository',
    url,
    response,
  );
}

/** Reads the response to `GET /v2/` without credentials (Docker registry HTTP API v2, "API Version Check"). */
async function detectScheme(
  http: HttpClient,
  options: AuthorizedOptions & { readonly gate: TokenGate },
  signal: AbortSignal,
): Promise<Scheme> {
  const url = new URL('v2/', options.registryUrl);
  const response = await follow(http, url, { method: 'GET', signal, isVital: true }, undefined);
  const authorization = basicAuthorization(options);
  if (response.status === 200) {
    // A registry without GitLab may be open to everyone and show more to known users, as zot does: send the credentials.
    return authorization === undefined || options.gitlabUrl !== undefined
      ? { kind: 'open' }
      : { kind: 'basic', authorization };
  }
  if (response.status !== 401) {
    throw new RegistryError('unavailable', `this is not a registry: status ${response.status}`, url, response);
  }
  const bearer = challengeOf(response, 'bearer');
  if (bearer !== undefined) {
    const endpoint = tokenEndpoint(bearer, url, options);
    return { kind: 'bearer', realm: endpoint.realm, tokens: createTokenService(http, { ...options, ...endpoint }) };
  }
  if (challengeOf(response, 'basic') === undefined) {
    throw new RegistryError('unavailable', 'the registry offers neither token nor basic authentication', url, response);
  }
  if (authorization === undefined) {
    throw new RegistryError(
      'unavailable',
      'the registry requires a user name and a password, but none are set',
      url,
      response,
    );
  }
  return { kind: 'basic', authorization };
}

function tokenEndpoint(
  { parameters }: Challenge,
  url: URL,
  options: AuthorizedOptions,
): { realm: URL; service: string } {
  const text = parameters.get('realm') ?? '';
  if (!URL.canParse(text)) throw new RegistryError('unavailable', 'the registry does not name its token service', url);
  const realm = new URL(text);
  // The registry chooses the realm: without this check, a hostile registry could collect the password.
  if (!options.tokenOrigins.includes(realm.origin)) {
    const what = `the registry names a token service at ${realm.origin}, which is not a configured origin; if it is the right one, add it to token_origins`;
    throw new RegistryError('unavailable', what, url);
  }
  return { realm, service: parameters.get('service') ?? '' };
}

function challengeOf(response: HttpResponse, scheme: string): Challenge | undefined {
  const header = response.headers['www-authenticate'];
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header];
  return lines.flatMap(parseChallenges).find((challenge) => challenge.scheme === scheme);
}
