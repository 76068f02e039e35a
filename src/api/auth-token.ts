import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Directory } from '../ports.ts';
import { basicCredentials } from './authorization.ts';
import { BASIC_REFUSED, DIRECTORY_DOWN, sendProblem } from './problems.ts';
import type { Log, SessionTokens } from './server.ts';

export interface AuthTokenOptions {
  readonly directory: Directory;
  readonly tokens: SessionTokens;
  readonly log: Log;
}

/** `GET /auth_token`: a token for the name and password of a basic authentication. */
export function createAuthToken({ directory, tokens, log }: AuthTokenOptions) {
  return async function answerAuthToken(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const credentials = basicCredentials(request.headers.authorization);
    if (credentials === undefined) return sendProblem(reply, BASIC_REFUSED);
    const { user, password } = credentials;
    let isKnown: boolean;
    try {
      isKnown = await directory.authenticate(user, password);
    } catch (error) {
      log.error({ reason: error instanceof Error ? error.message : String(error) }, 'the directory does not answer');
      return sendProblem(reply, DIRECTORY_DOWN);
    }
    if (!isKnown) return sendProblem(reply, BASIC_REFUSED);
    request.user = user;
    return reply.header('cache-control', 'no-store').send({ auth_token: await tokens.issue(user) });
  };
}
