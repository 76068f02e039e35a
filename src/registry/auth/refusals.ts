import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { follow } from '../transport/redirects.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import type { Root } from './root-scheme.ts';
import { CATALOG, type TokenSubject } from './token-scope.ts';
import type { Attempt } from './token-sender.ts';

/** Decides whether a refusal is about one subject or about the credentials, which are then refused for everything. */
export interface Refusals {
  /** Forgets what the last crawl has shown. */
  begin(): void;
  /** Reports that the registry has let a request through: then the credentials are right. */
  succeeded(): void;
  /** Returns the error for a 401: forbidden for this subject only, unavailable if the credentials are wrong. */
  errorFor(attempt: Attempt, refused: RefusedRequest, root: Root): Promise<RegistryError>;
}

interface RefusedRequest {
  readonly subject: TokenSubject;
  readonly url: URL;
  readonly signal: AbortSignal;
  /** The credentials in the form that `/v2/` asks for; undefined if they were not tried. */
  readonly proof: string | undefined;
  /** Why the client cannot use the token service that the response names. */
  readonly problem: RegistryError | undefined;
}

/** If `/v2/` is open, it does not show whether the credentials are wrong. Then this many subjects are refused before the crawl ends. */
const MOST_UNCLEAR = 10;

export function createRefusals(http: HttpClient, options: Credentials): Refusals {
  const accepted = createSingleFlight<boolean>();
  const isAnonymous = basicAuthorization(options) === undefined;
  let hasWorked = false;
  let unclearCount = 0;

  /** Returns whether the registry lets these credentials in at all. */
  const isAccepted = (authorization: string, { base }: Root, signal: AbortSignal): Promise<boolean> =>
    accepted.ask(signal, async (asked) => {
      const response = await follow(http, new URL('v2/', base), { method: 'GET', signal: asked }, authorization);
      return response.status < 400;
    });

  return {
    begin() {
      accepted.forget();
      hasWorked = false;
      unclearCount = 0;
    },
    succeeded() {
      hasWorked = true;
    },
    async errorFor({ response, authorization, isAboutRights }, { subject, url, signal, proof, problem }, root) {
      if (problem !== undefined && !isAboutRights) return hasWorked ? problem.as('forbidden') : problem;
      // Without credentials, only this subject is refused: a registry may have both public and private repositories.
      if (isAnonymous && !isAboutRights) return new RegistryError('forbidden', ANONYMOUS, url, response);
      const denied = forbidden(subject, url, response);
      if (isAboutRights || hasWorked || authorization === undefined) return denied;
      const isToken = authorization.startsWith('Bearer ');
      const wrong = new RegistryError('unavailable', isToken ? WRONG_TOKEN : WRONG_CREDENTIALS, url, response);
      if (!root.isOpen) return (await isAccepted(proof ?? authorization, root, signal)) ? denied : wrong;
      return subject !== CATALOG && ++unclearCount <= MOST_UNCLEAR ? wrong.as('forbidden') : wrong;
    },
  };
}

const ANONYMOUS = 'the registry requires credentials for this';
const WRONG_TOKEN = 'the registry rejects the tokens of its own token service';
const WRONG_CREDENTIALS = 'the registry rejects the user name or the access token';

/** Returns the error for a refusal that is about one subject. */
export function forbidden(subject: TokenSubject, url: URL, response: HttpResponse): RegistryError {
  return new RegistryError(
    'forbidden',
    subject === CATALOG
      ? 'the user may not list the repositories; in GitLab and Harbor only administrators may'
      : 'the user may not read the repository',
    url,
    response,
  );
}
