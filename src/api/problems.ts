import { type Problem, tooMany, unauthorized } from '../http/problems.ts';

/* The problems of the resources. */

/** RFC 9110, 15.5.11. */
export const SNAPSHOT_GONE: Problem = {
  status: 410,
  detail: 'The snapshot is no longer available: repeat the request without the parameter snapshot',
};

export const NO_SNAPSHOT_YET: Problem = {
  status: 503,
  detail: 'The first crawl has not finished yet',
  headers: { 'retry-after': '10' },
};

export const CRAWL_IS_RUNNING: Problem = { status: 409, detail: 'A crawl is already running' };

export function crawlTooSoon(retryAfterMs: number): Problem {
  return tooMany('The last crawl started only a moment ago: retry later', retryAfterMs);
}

export const NOT_FROM_THE_REGISTRY: Problem = unauthorized(
  'The Authorization header must contain the secret of the section [events]: only the registry may send notifications',
  false,
);

export const NOT_A_NOTIFICATION: Problem = {
  status: 415,
  detail:
    'The Content-Type must be application/vnd.docker.distribution.events.v1+json, application/vnd.docker.distribution.events.v2+json or application/json',
};

/** RFC 7617, 2.1: the client must encode names and passwords as UTF-8. */
export const CREDENTIALS_REFUSED: Problem = {
  status: 401,
  detail: 'The request must contain the user name and password of a user who may sign in',
  headers: { 'www-authenticate': 'Basic realm="gitlab-registry-usage-rest", charset="UTF-8"' },
};

/** The same for users that exist and users that do not, and for right and wrong passwords. */
export function tooManyFailures(retryAfterMs: number): Problem {
  return tooMany('Too many sign-ins have failed, so the password was not checked: retry later', retryAfterMs);
}

export const TOO_MANY_SIGN_INS: Problem = {
  status: 503,
  detail: 'Too many users are signing in at the same time: retry later',
  headers: { 'retry-after': '5' },
};

export const DIRECTORY_DOWN: Problem = {
  status: 503,
  detail: 'The directory that checks passwords does not respond: retry later',
  headers: { 'retry-after': '10' },
};
