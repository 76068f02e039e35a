import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';

/** An error response (RFC 9457). It must not contain internals of the service. */
export interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members that only this kind of problem has (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
}

export const PROBLEM = 'application/problem+json';

/**
 * Returns the body of the response. `message` and `msg` repeat the detail: clients of the first version of this service read one of them.
 *
 * @param id of the request: `instance` names this occurrence of the problem
 */
export function problemBody({ status, detail, members }: Problem, id?: string): Buffer {
  const instance = id === undefined ? {} : { instance: `#${id}` };
  const title = STATUS_CODES[status] ?? '';
  const problem = { type: 'about:blank', title, status, detail, ...instance, message: detail, msg: detail };
  return Buffer.from(JSON.stringify({ ...problem, ...members }));
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.headers ?? {})
    .header('cache-control', 'no-store')
    .header('content-type', PROBLEM)
    .send(problemBody(problem, reply.request.id));
}

export function notFound(resource: string): Problem {
  return { status: 404, detail: `The resource "${resource}" does not exist` };
}

export function badRequest(detail: string): Problem {
  return { status: 400, detail };
}

/** RFC 6750, 3.1: the error code appears only if the client sent a token. */
export function unauthorized(detail: string, hasToken: boolean): Problem {
  const challenge = 'Bearer realm="gitlab-registry-usage-rest"';
  return {
    status: 401,
    detail,
    headers: { 'www-authenticate': hasToken ? `${challenge}, error="invalid_token"` : challenge },
  };
}

export function tooMany(detail: string, retryAfterMs: number): Problem {
  return { status: 429, detail, headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) } };
}

/** More than any registry sends at once, and little enough to parse in one step. */
export const MAX_BODY_BYTES = 1024 * 1024;

export const BODY_TOO_LARGE: Problem = { status: 413, detail: 'The request body must not be larger than 1 MiB' };
