import type { RepositoryName } from '../../domain/names.ts';
import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { type FollowedAnswer, type FollowedRequest, follow } from '../transport/redirects.ts';
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
  /** With a slash at its end. */
  readonly registryUrl: URL;
  /** The only origins that are shown the credentials. */
  readonly tokenOrigins: readonly string[];
  /** The GitLab that the registry belongs to, with a slash at its end; undefined for a registry on its own. */
  readonly gitlabUrl?: string | undefined;
}

/** Asks the registry in the name of the configured user, as the registry wants it: with a token, by basic authentication, or openly. */
export interface AuthorizedClient {
  /** Forgets how the registry wants to be asked and which repositories share tokens: both may have changed since the last crawl. */
  begin(): void;
  /** Throws a `RegistryError` of kind forbidden where the user may not read the subject. A 401 or 403 in an answer is a blob store's. */
  send(subject: TokenSubject, path: string, request: FollowedRequest): Promise<HttpResponse>;
  /** The token service that the registry names; undefined where it takes no tokens. */
  realm(signal: AbortSignal): Promise<URL | undefined>;
  /** Says which repositories will be asked for soon, so that they share tokens. */
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
  ): Promise<FollowedAnswer> {
    for (let tries = 0; ; tries++) {
      const token = await tokens.tokenFor(subject, request.signal);
      if (token.grants?.has(scopeOf(subject)) === false) throw forbidden(subject, url);
      const answer = await follow(http, url, request, token.authorization);
      if (!isRefusal(answer, 401)) return answer;
      tokens.refuse(subject, token);
      const error = challengeOf(answer, 'bearer')?.parameters.get('error');
      if (error === 'insufficient_scope') throw forbidden(subject, url, answer);
      if (tries > 0)
        throw new RegistryError('unavailable', 'the registry refuses the tokens of its own token service', url, answer);
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
      const answer =
        found.kind === 'bearer'
          ? await sendWithToken(found.tokens, subject, url, request)
          : await follow(http, url, request, found.kind === 'basic' ? found.authorization : undefined);
      if (isRefusal(answer, 401)) throw unauthorized(options, url, answer);
      if (isRefusal(answer, 403)) throw forbidden(subject, url, answer);
      return answer;
    },
  };
}

/** What a blob store at another origin refuses is nothing that the registry says of the user. */
function isRefusal({ status, isFromElsewhere }: FollowedAnswer, refusal: 401 | 403): boolean {
  return status === refusal && !isFromElsewhere;
}

/** Without credentials it is a refusal of this one thing: a registry may keep some of its repositories open to everybody. */
function unauthorized(options: Credentials, url: URL, answer: HttpResponse): RegistryError {
  return basicAuthorization(options) === undefined
    ? new RegistryError('forbidden', 'the registry shows that to nobody without credentials', url, answer)
    : new RegistryError('unavailable', 'the registry refuses the user name or the access token', url, answer);
}

/** With the answer, if that was what the registry said, and not already the token. */
function forbidden(subject: TokenSubject, url: URL, answer?: HttpResponse): RegistryError {
  return new RegistryError(
    'forbidden',
    subject === CATALOG
      ? 'the user may not list the repositories, as in GitLab and Harbor only administrators may'
      : 'the user may not read the repository',
    url,
    answer,
  );
}

/** What `GET /v2/` says without credentials (Docker registry HTTP API v2, "API Version Check"). */
async function detectScheme(
  http: HttpClient,
  options: AuthorizedOptions & { readonly gate: TokenGate },
  signal: AbortSignal,
): Promise<Scheme> {
  const url = new URL('v2/', options.registryUrl);
  const answer = await follow(http, url, { method: 'GET', signal, isVital: true }, undefined);
  const authorization = basicAuthorization(options);
  if (answer.status === 200) {
    // A registry on its own may be open to everybody and show more to those it knows, as zot does: it has to be told who asks.
    return authorization === undefined || options.gitlabUrl !== undefined
      ? { kind: 'open' }
      : { kind: 'basic', authorization };
  }
  if (answer.status !== 401) {
    throw new RegistryError('unavailable', `no registry answers here, but status ${answer.status}`, url, answer);
  }
  const bearer = challengeOf(answer, 'bearer');
  if (bearer !== undefined) {
    const endpoint = tokenEndpoint(bearer, url, options);
    return { kind: 'bearer', realm: endpoint.realm, tokens: createTokenService(http, { ...options, ...endpoint }) };
  }
  if (challengeOf(answer, 'basic') === undefined) {
    throw new RegistryError('unavailable', 'the registry wants neither a token nor basic authentication', url, answer);
  }
  if (authorization === undefined) {
    throw new RegistryError(
      'unavailable',
      'the registry wants a user name and a password, and none are set',
      url,
      answer,
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
  if (!URL.canParse(text)) throw new RegistryError('unavailable', 'the registry names no token service', url);
  const realm = new URL(text);
  // The realm is the registry's word: without this check a hostile answer would collect the password.
  if (!options.tokenOrigins.includes(realm.origin)) {
    const what = `the registry names a token service at ${realm.origin}, which is not among the configured origins; if that is where its tokens come from, add it to token_origins`;
    throw new RegistryError('unavailable', what, url);
  }
  return { realm, service: parameters.get('service') ?? '' };
}

function challengeOf(answer: HttpResponse, scheme: string): Challenge | undefined {
  const header = answer.headers['www-authenticate'];
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header];
  return lines.flatMap(parseChallenges).find((challenge) => challenge.scheme === scheme);
}
