import { Buffer } from 'node:buffer';
import type { RepositoryName } from '../domain/names.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { RegistryError } from './errors.ts';
import type { HttpAnswer } from './exchange.ts';
import type { HttpClient } from './http.ts';
import { isLinkLocal } from './link-local.ts';
import {
  CATALOG,
  createTokenService,
  scopeOf,
  type TokenService,
  type TokenServiceOptions,
  type TokenSubject,
} from './tokens.ts';

export interface AuthorizedOptions extends Pick<TokenServiceOptions, 'username' | 'accessToken' | 'steadyClock'> {
  /** With a slash at its end. */
  readonly registryUrl: URL;
  /** The only origins that are shown the credentials. */
  readonly tokenOrigins: readonly string[];
}

/** Asks the registry in the name of the configured user, as the registry wants it: with a token, by basic authentication, or openly. */
export interface AuthorizedClient {
  /** Forgets how the registry wants to be asked and which repositories share tokens: both may have changed since the last crawl. */
  begin(): void;
  /** Throws a `RegistryError` of kind forbidden where the user may not read the subject. A 401 or 403 in an answer is a blob store's. */
  send(subject: TokenSubject, path: string, request: AuthorizedRequest): Promise<HttpAnswer>;
  /** Says which repositories will be asked for soon, so that they share tokens. */
  expect(repositories: readonly RepositoryName[], signal: AbortSignal): Promise<void>;
}

export interface AuthorizedRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

type Scheme =
  | { readonly kind: 'open' }
  | { readonly kind: 'basic'; readonly authorization: string }
  | { readonly kind: 'bearer'; readonly tokens: TokenService };

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function createAuthorizedClient(http: HttpClient, options: AuthorizedOptions): AuthorizedClient {
  let scheme: Promise<Scheme> | undefined;

  function currentScheme(signal: AbortSignal): Promise<Scheme> {
    if (scheme !== undefined) return scheme;
    const detected = detectScheme(http, options, signal);
    scheme = detected;
    detected.catch(() => {
      if (scheme === detected) scheme = undefined;
    });
    return detected;
  }

  async function sendWithToken(
    tokens: TokenService,
    subject: TokenSubject,
    url: URL,
    request: AuthorizedRequest,
  ): Promise<FollowedAnswer> {
    for (let tries = 0; ; tries++) {
      const token = await tokens.tokenFor(subject, request.signal);
      if (token.grants?.has(scopeOf(subject)) === false) throw forbidden(subject, url);
      const answer = await follow(http, url, request, token.authorization);
      if (!isRefusal(answer, 401)) return answer;
      tokens.refuse(subject, token);
      const error = challengeOf(answer, 'bearer')?.parameters.get('error');
      if (error === 'insufficient_scope') throw forbidden(subject, url);
      if (tries > 0)
        throw new RegistryError('unavailable', 'the registry refuses the tokens of its own token service', url, answer);
    }
  }

  return {
    begin() {
      scheme = undefined;
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
      if (isRefusal(answer, 401))
        throw new RegistryError('unavailable', 'the registry refuses the user name or the access token', url, answer);
      if (isRefusal(answer, 403)) throw forbidden(subject, url);
      return answer;
    },
  };
}

/** What a blob store at another origin refuses is nothing that the registry says of the user. */
function isRefusal({ status, isFromElsewhere }: FollowedAnswer, refusal: 401 | 403): boolean {
  return status === refusal && !isFromElsewhere;
}

function forbidden(subject: TokenSubject, url: URL): RegistryError {
  return new RegistryError(
    'forbidden',
    subject === CATALOG
      ? 'the user may not list the repositories: GitLab lets only administrators do that'
      : 'the user may not read the repository',
    url,
  );
}

/** What `GET /v2/` says without credentials (Docker registry HTTP API v2, "API Version Check"). */
async function detectScheme(http: HttpClient, options: AuthorizedOptions, signal: AbortSignal): Promise<Scheme> {
  const url = new URL('v2/', options.registryUrl);
  const answer = await follow(http, url, { method: 'GET', signal }, undefined);
  if (answer.status === 200) return { kind: 'open' };
  if (answer.status !== 401) {
    throw new RegistryError('unavailable', `no registry answers here, but status ${answer.status}`, url, answer);
  }
  const bearer = challengeOf(answer, 'bearer');
  if (bearer !== undefined)
    return { kind: 'bearer', tokens: createTokenService(http, { ...options, ...tokenEndpoint(bearer, url, options) }) };
  if (challengeOf(answer, 'basic') === undefined) {
    throw new RegistryError('unavailable', 'the registry wants neither a token nor basic authentication', url, answer);
  }
  const credentials = Buffer.from(`${options.username}:${options.accessToken}`).toString('base64');
  return { kind: 'basic', authorization: `Basic ${credentials}` };
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
    const what = `the registry names a token service at ${realm.origin}, which is not among the configured origins; the credentials are not sent`;
    throw new RegistryError('unavailable', what, url);
  }
  return { realm, service: parameters.get('service') ?? '' };
}

function challengeOf(answer: HttpAnswer, scheme: string): Challenge | undefined {
  const header = answer.headers['www-authenticate'];
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header];
  return lines.flatMap(parseChallenges).find((challenge) => challenge.scheme === scheme);
}

interface FollowedAnswer extends HttpAnswer {
  readonly isFromElsewhere: boolean;
}

/** Follows redirects, as blob stores ask for them: at another origin without the authorization, and never to where a registry has no business. */
async function follow(
  http: HttpClient,
  url: URL,
  request: AuthorizedRequest,
  authorization: string | undefined,
): Promise<FollowedAnswer> {
  let target = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const isFromElsewhere = target.origin !== url.origin;
    const headers = { ...request.headers, authorization: isFromElsewhere ? undefined : authorization };
    const answer = await http.send(target, { method: request.method, headers, signal: request.signal });
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
