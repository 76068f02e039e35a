import cors from '@fastify/cors';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Directory, Snapshots } from '../ports.ts';
import { createAuthToken } from './auth-token.ts';
import { bearerToken } from './authorization.ts';
import { NOT_COLLECTED_YET, notFound, sendProblem, unauthorized } from './problems.ts';
import { createRepositories } from './repositories.ts';

export interface ServerOptions {
  /** '' or a path such as `/usage`, without a slash at its end. */
  readonly prefix: string;
  readonly corsOrigins: '*' | readonly string[];
  readonly snapshots: Snapshots;
  readonly directory: Directory;
  readonly tokens: SessionTokens;
  readonly log: Log;
}

/** Where events are said, one line each. */
export interface Log {
  info(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

/** What stands for a user who has signed in. */
export interface SessionTokens {
  issue(user: string): Promise<string>;
  verify(token: string): Promise<{ readonly user: string } | undefined>;
}

const ALLOWED = 'GET, HEAD, OPTIONS';
const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once that is known. */
    user: string | undefined;
  }
}

/** The HTTP API below the prefix: `listen` starts it, `close` lets requests under way finish. */
export function createServer(options: ServerOptions): FastifyInstance {
  const answerRepositories = guarded(options.tokens, createRepositories(options));
  const server = fastify({
    // Its own log would have two lines a request, and no user.
    logger: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: true,
    frameworkErrors: (_, request, reply) => {
      // A path with a broken escape names nothing that exists; the answer is the same as to any such path.
      void reply.headers(SECURITY_HEADERS);
      void answerRepositories(request, reply);
    },
  });
  server.decorateRequest('user', undefined);
  acceptBodiesOfGet(server);
  logRequests(server, options.log);
  void server.register(cors, {
    origin: options.corsOrigins === '*' ? '*' : [...options.corsOrigins],
    methods: ['GET', 'HEAD', 'OPTIONS'],
    exposedHeaders: ['ETag', 'Retry-After'],
    preflightContinue: true,
    strictPreflight: false,
  });
  server.addHook('onRequest', async (_, reply) => {
    void reply.headers(SECURITY_HEADERS);
  });
  addRoutes(server, answerRepositories, options);
  answerErrors(server, options.log);
  return server;
}

function addRoutes(
  server: FastifyInstance,
  answerRepositories: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
  options: ServerOptions,
): void {
  const { prefix, snapshots } = options;
  const routes = new Set(
    ['/auth_token', '/repositories', '/health/live', '/health/ready'].map((path) => prefix + path),
  );
  server.get(`${prefix}/auth_token`, createAuthToken(options));
  server.get(`${prefix}/repositories`, answerRepositories);
  server.get(`${prefix}/repositories/*`, answerRepositories);
  server.get(`${prefix}/health/live`, async () => ({ status: 'live' }));
  server.get(`${prefix}/health/ready`, async (_, reply) =>
    snapshots.latest() === undefined ? sendProblem(reply, NOT_COLLECTED_YET) : { status: 'ready' },
  );
  server.setNotFoundHandler(async (request, reply) => {
    const path = pathOf(request);
    if (!routes.has(path) && !path.startsWith(`${prefix}/repositories/`)) return sendProblem(reply, notFound(path));
    if (request.method === 'OPTIONS') return reply.code(200).header('allow', ALLOWED).send();
    const detail = 'The method is not allowed for the requested URL.';
    return sendProblem(reply, { status: 405, detail, headers: { allow: ALLOWED } });
  });
}

function answerErrors(server: FastifyInstance, log: Log): void {
  server.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return sendProblem(reply, { status, detail: 'The request is not understood' });
    log.error({ err: error, path: pathOf(request) }, 'a request failed');
    return sendProblem(reply, { status: 500, detail: 'The request failed, through no fault of yours' });
  });
}

/** Lets a request through to `answer` with a valid token only. */
function guarded(tokens: SessionTokens, answer: (request: FastifyRequest, reply: FastifyReply) => FastifyReply) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined)
      return sendProblem(reply, unauthorized('A bearer token is needed; /auth_token gives one', false));
    const session = await tokens.verify(token);
    if (session === undefined) return sendProblem(reply, unauthorized('The token is not valid, or not any more', true));
    request.user = session.user;
    return answer(request, reply);
  };
}

/** Parameters may stand in a JSON body, since the first version of this service read them there; any other body is let pass. */
function acceptBodiesOfGet(server: FastifyInstance): void {
  server.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  server.addContentTypeParser('*', (_, payload, done) => {
    payload.resume();
    payload.once('end', () => done(null, undefined));
    payload.once('error', done);
  });
}

function logRequests(server: FastifyInstance, log: Log): void {
  server.addHook('onResponse', async (request, reply) => {
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const { method, ip, user } = request;
    log.info({ user, ip, method, path: pathOf(request), status: reply.statusCode, ms }, 'request');
  });
}

/** Without the query: nothing that a client put there by mistake comes into a log. */
function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '').split('?', 1)[0] ?? '';
}
