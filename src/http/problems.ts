import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Checks } from '../api/schemas/crawl.ts';
import type { ProblemBody } from '../api/schemas/entry-point.ts';

/** What goes wrong for a client, as RFC 9457 has it: nothing of our insides. */
export interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members, which only this kind of problem has (RFC 9457, 3.2). */
  readonly members?: { readonly checks: Checks };
}

export const PROBLEM = 'application/problem+json';

/**
 * `message` and `msg` repeat the detail: clients of the first version of this service read the one or the other.
 *
 * @param id the request's: the instance is what was asked for, and that one time
 */
export function problemBody({ status, detail, members }: Problem, id?: string): Buffer {
  const instance = id === undefined ? {} : { instance: `#${id}` };
  const title = STATUS_CODES[status] ?? '';
  const problem: ProblemBody = {
    type: 'about:blank',
    title,
    status,
    detail,
    ...instance,
    message: detail,
    msg: detail,
  };
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

export function notFound(what: string): Problem {
  return { status: 404, detail: `The resource "${what}" does not exist` };
}

export function badRequest(detail: string): Problem {
  return { status: 400, detail };
}

/** RFC 9110, 15.5.11. */
export const SNAPSHOT_GONE: Problem = {
  status: 410,
  detail: 'The snapshot is not held any more: begin again without the parameter snapshot',
};

/** More than any registry sends at once, and little enough to be read in one go. */
export const MOST_BODY_BYTES = 1024 * 1024;

export const BODY_TOO_LARGE: Problem = { status: 413, detail: 'The body is larger than 1 MiB' };

export const NOT_OF_EVENTS: Problem = {
  status: 415,
  detail: 'Events come as application/vnd.docker.distribution.events.v1+json, …v2+json or application/json',
};

export const COLLECTING_ALREADY: Problem = { status: 409, detail: 'A collection is under way already' };

export function tooSoon(retryAfterMs: number): Problem {
  return tooMany('The last collection began only a moment ago', retryAfterMs);
}

/** @param of who has asked too often */
export function tooManyRequests(of: 'address' | 'user', retryAfterMs: number): Problem {
  return tooMany(`There are too many requests of this ${of}`, retryAfterMs);
}

/** The same for users that there are and those that there are not, and whatever password came with it: none was looked at. */
export function tooManyFailures(retryAfterMs: number): Problem {
  return tooMany('Signing in has failed too often; nothing was tried this time', retryAfterMs);
}

function tooMany(detail: string, retryAfterMs: number): Problem {
  return { status: 429, detail, headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) } };
}

export const TOO_MANY_SIGN_INS: Problem = {
  status: 503,
  detail: 'Too many users are signing in at once',
  headers: { 'retry-after': '5' },
};

/** RFC 9110, 15.5.20. */
export const OTHER_HOST: Problem = {
  status: 421,
  detail: 'This host is not served here: the configuration lists others',
};

export const NOT_COLLECTED_YET: Problem = {
  status: 503,
  detail: 'The first collection has not finished yet',
  headers: { 'retry-after': '10' },
};

export const DIRECTORY_DOWN: Problem = {
  status: 503,
  detail: 'The directory that knows the users does not answer',
  headers: { 'retry-after': '10' },
};

/** RFC 6750, 3.1: an error code only where there was a token to be wrong. */
export function unauthorized(detail: string, hadToken: boolean): Problem {
  const challenge = 'Bearer realm="gitlab-registry-usage-rest"';
  return {
    status: 401,
    detail,
    headers: { 'www-authenticate': hadToken ? `${challenge}, error="invalid_token"` : challenge },
  };
}

export const NOT_FROM_THE_REGISTRY: Problem = unauthorized(
  'Events are taken from the registry only: the header Authorization has to hold the secret of the section [events]',
  false,
);

/** RFC 7617, 2.1: names and passwords are read as UTF-8. */
export const BASIC_REFUSED: Problem = {
  status: 401,
  detail: 'User name and password are needed, of a user who may sign in',
  headers: { 'www-authenticate': 'Basic realm="gitlab-registry-usage-rest", charset="UTF-8"' },
};
