import type { RepositoryName } from '../../domain/names.ts';
import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { type FollowedRequest, type FollowedResponse, follow } from '../transport/redirects.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import type { Credentials } from './credentials.ts';
import { createLearnedSchemes } from './learned-schemes.ts';
import { createRefusals, forbidden } from './refusals.ts';
import type { TokenServiceOptions } from './registry-token.ts';
import { detectScheme, type Root } from './root-scheme.ts';
import { type Scheme, schemeKey, schemesOf } from './scheme.ts';
import type { TokenSubject } from './token-scope.ts';
import { type Attempt, isRefusal, type Sent, sendWithToken } from './token-sender.ts';
import { createTokenServices, type TokenServices } from './token-services.ts';

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

/** Basic, a token service and another one. */
const MOST_SCHEMES = 4;

export function createAuthorizedClient(http: HttpClient, options: AuthorizedOptions): AuthorizedClient {
  const root = createSingleFlight<Root>();
  const learned = createLearnedSchemes();
  const tokenServices = createTokenServices(http, options);
  const refusals = createRefusals(http, options);
  const sendAs = createSender(http, tokenServices, options);
  const currentRoot = (signal: AbortSignal): Promise<Root> =>
    root.ask(signal, (asked) => detectScheme(http, options, asked));

  /** Tries the scheme that worked before, and then those that the registry asks for. */
  async function send(sent: Sent, path: string, current: Root): Promise<FollowedResponse> {
    const { subject, url, request } = sent;
    const tried = new Set<string>();
    let proof: string | undefined;
    for (let scheme = learned.schemeFor(subject, path) ?? current.scheme; ; ) {
      tried.add(schemeKey(scheme));
      const attempt = await sendAs(scheme, sent);
      const { response } = attempt;
      if (!isRefusal(response, 401)) {
        if (isRefusal(response, 403)) throw denial(attempt, forbidden(subject, url, response));
        learned.works(subject, path, scheme);
        if (response.status < 400) refusals.succeeded();
        return response;
      }
      if (schemeKey(scheme) === schemeKey(current.scheme)) proof = attempt.authorization;
      const { schemes, problem } = schemesOf(response, url, options);
      const next = schemes.find((other) => !tried.has(schemeKey(other)));
      if (next === undefined || tried.size >= MOST_SCHEMES) {
        const { signal } = request;
        throw denial(attempt, await refusals.errorFor(attempt, { subject, url, signal, proof, problem }, current));
      }
      scheme = next;
    }
  }

  return {
    begin() {
      root.forget();
      tokenServices.begin();
      refusals.begin();
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
      const current = await currentRoot(request.signal);
      try {
        return await send({ subject, url: new URL(path, current.base), request }, path, current);
      } catch (error) {
        // The registry may have changed to another scheme or token service.
        if (error instanceof RegistryError && error.kind === 'unavailable') learned.forget();
        throw error;
      }
    },
  };
}

function createSender(http: HttpClient, tokenServices: TokenServices, options: AuthorizedOptions) {
  return async (scheme: Scheme, sent: Sent): Promise<Attempt> => {
    const { subject, url, request } = sent;
    if (scheme.kind === 'bearer') {
      const tokens = tokenServices.of(scheme);
      const known = tokens.denialOf(subject);
      if (known !== undefined) throw known;
      return sendWithToken(http, { scheme, tokens, options }, sent);
    }
    const authorization = scheme.kind === 'basic' ? scheme.authorization : undefined;
    return { response: await follow(http, url, request, authorization), authorization, isAboutRights: false };
  };
}

/** Returns the error, after the token has remembered it. */
function denial({ denies }: Attempt, error: RegistryError): RegistryError {
  denies?.(error);
  return error;
}
