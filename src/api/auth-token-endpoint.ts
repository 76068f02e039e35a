import type { FastifyReply, FastifyRequest } from 'fastify';
import { basicCredentials } from '../http/authorization.ts';
import { clientAddress, rateLimitKey } from '../http/client-address.ts';
import { type Problem, sendProblem } from '../http/problems.ts';
import { assertNever } from '../lib/assert-never.ts';
import type { Log, SessionTokens, SignIn, SignInResult } from '../ports.ts';
import { CREDENTIALS_REFUSED, DIRECTORY_DOWN, TOO_MANY_SIGN_INS, tooManyFailures } from './problems.ts';
import type { AuthToken } from './schemas/entry-point.ts';

export interface AuthTokenOptions {
  readonly signIn: SignIn;
  readonly tokens: SessionTokens;
  readonly log: Log;
}

/**
 * Returns the handler of `GET /auth_token` and `POST /auth_token`, which issues a token for the name and password of Basic authentication. The body of
 * a POST request is ignored. The methods differ only in that caches never store, and proxies never repeat, a POST request.
 */
export function createAuthToken({ signIn, tokens, log }: AuthTokenOptions) {
  return async function sendAuthToken(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const credentials = basicCredentials(request.headers.authorization);
    if (credentials === undefined) return sendProblem(reply, CREDENTIALS_REFUSED);
    let result: SignInResult;
    try {
      result = await signIn.signIn(credentials, rateLimitKey(clientAddress(request)));
    } catch (error) {
      return sendProblem(reply, logFailure(error, log));
    }
    if (result.status !== 'signed-in') return sendProblem(reply, problemOf(result));
    const { name } = result.principal;
    request.user = name;
    const answer: AuthToken = { auth_token: await tokens.issue(name), expires_in: tokens.expiresInSeconds };
    return reply.header('cache-control', 'no-store').send(answer);
  };
}

function logFailure(error: unknown, log: Log): Problem {
  const isBusy = (error as { kind?: unknown }).kind === 'busy';
  const reason = error instanceof Error ? error.message : String(error);
  log.error({ reason }, isBusy ? 'too many sign-ins' : 'directory not available');
  return isBusy ? TOO_MANY_SIGN_INS : DIRECTORY_DOWN;
}

function problemOf(result: Exclude<SignInResult, { readonly status: 'signed-in' }>): Problem {
  switch (result.status) {
    case 'refused':
      return CREDENTIALS_REFUSED;
    case 'busy':
      return TOO_MANY_SIGN_INS;
    case 'throttled':
      return tooManyFailures(result.retryAfterMs);
    default:
      return assertNever(result);
  }
}
