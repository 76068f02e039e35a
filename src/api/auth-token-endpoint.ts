import type { FastifyReply, FastifyRequest } from 'fastify';
import { createThrottledSignIn, type SignIn } from '../auth/throttled-sign-in.ts';
import type { AdmissionSettings } from '../http/admission.ts';
import { basicCredentials } from '../http/authorization.ts';
import { clientAddress } from '../http/client-address.ts';
import { BASIC_REFUSED, DIRECTORY_DOWN, sendProblem, TOO_MANY_SIGN_INS, tooManyFailures } from '../http/problems.ts';
import type { Directory } from '../ports.ts';
import type { AuthToken } from './schemas/entry-point.ts';
import type { Log, SessionTokens } from './server.ts';

export interface AuthTokenOptions {
  readonly directory: Directory;
  readonly front: Pick<AdmissionSettings, 'limits' | 'steadyClock'>;
  readonly tokens: SessionTokens;
  readonly log: Log;
}

/**
 * `GET /auth_token` and `POST /auth_token`: a token for the name and password of a basic authentication. A body is not looked at: what is asked
 * with POST is kept by no cache and repeated by no proxy, and that is all the difference.
 */
export function createAuthToken({ directory, front, tokens, log }: AuthTokenOptions) {
  const signIn = createThrottledSignIn({
    directory,
    failedSignIns: front.limits.failedSignIns,
    steadyClock: front.steadyClock,
  });
  return async function answerAuthToken(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const credentials = basicCredentials(request.headers.authorization);
    if (credentials === undefined) return sendProblem(reply, BASIC_REFUSED);
    const { user } = credentials;
    let outcome: SignIn;
    try {
      outcome = await signIn(credentials, clientAddress(request));
    } catch (error) {
      const isBusy = (error as { kind?: unknown }).kind === 'busy';
      const event = isBusy ? 'too many users are signing in' : 'the directory does not answer';
      log.error({ reason: error instanceof Error ? error.message : String(error) }, event);
      return sendProblem(reply, isBusy ? TOO_MANY_SIGN_INS : DIRECTORY_DOWN);
    }
    if (outcome === 'busy') return sendProblem(reply, TOO_MANY_SIGN_INS);
    if (typeof outcome === 'object') return sendProblem(reply, tooManyFailures(outcome.retryAfterMs));
    if (outcome === 'unknown') return sendProblem(reply, BASIC_REFUSED);
    request.user = user;
    const answer: AuthToken = { auth_token: await tokens.issue(user), expires_in: tokens.expiresInSeconds };
    return reply.header('cache-control', 'no-store').send(answer);
  };
}
