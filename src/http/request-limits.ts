import type { Clock } from '../ports.ts';
import { rateLimitKey } from './client-address.ts';
import { type Problem, tooMany } from './problems.ts';
import { type Allowance, createRateLimit } from './rate-limit.ts';

export interface RequestLimitsOptions {
  /** A minute; 0 is no limit. */
  readonly requestsPerAddress: number;
  /** A minute; 0 is no limit. */
  readonly requestsPerUser: number;
  readonly steadyClock: Clock;
}

/** Each method counts one request. */
export interface RequestLimits {
  countAddress(address: string): Counted;
  countUser(user: string): Counted;
}

export interface Counted {
  /** Defined if the request is one too many. */
  readonly problem: Problem | undefined;
  /** Defined if the client must be told about the limit. */
  readonly headers: RateLimitHeaders | undefined;
}

/** Items of the headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, from its 8th version on). */
export type RateLimitHeaders = {
  /** The limits: q(uota), and w(indow) in seconds. */
  readonly 'ratelimit-policy': string;
  /** What r(emains) of each limit, and after how many seconds (t) all of it is available again. */
  readonly ratelimit: string;
};

export const NOT_LIMITED: Counted = { problem: undefined, headers: undefined };

export function createRequestLimits(options: RequestLimitsOptions): RequestLimits {
  const { requestsPerAddress, requestsPerUser, steadyClock } = options;
  const countAddress = createLimit('address', requestsPerAddress, steadyClock);
  const countUser = createLimit('user', requestsPerUser, steadyClock);
  return { countAddress: (address) => countAddress(rateLimitKey(address)), countUser };
}

/** Headers are sent only from the middle of the limit on: they cost a tenth of a small response, and before that no client has to slow down. */
function createLimit(name: 'address' | 'user', perMinute: number, steadyClock: Clock): (key: string) => Counted {
  if (perMinute === 0) return () => NOT_LIMITED;
  const limit = createRateLimit({ perMinute, steadyClock });
  const policy = `"${name}";q=${perMinute};w=60`;
  return (key) => {
    const allowance = limit.take(key);
    if (allowance.remaining >= perMinute / 2) return NOT_LIMITED;
    const headers = { 'ratelimit-policy': policy, ratelimit: stateOf(name, allowance) };
    const problem = allowance.isAllowed ? undefined : tooManyRequests(name, allowance.retryAfterMs);
    return { problem, headers };
  };
}

function stateOf(name: string, { remaining, resetMs }: Allowance): string {
  return `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`;
}

function tooManyRequests(from: 'address' | 'user', retryAfterMs: number): Problem {
  return tooMany(`Too many requests from this ${from}: retry later`, retryAfterMs);
}

/** Joins the items of two limits. */
export function joinHeaders(
  first: RateLimitHeaders | undefined,
  second: RateLimitHeaders | undefined,
): RateLimitHeaders | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    'ratelimit-policy': `${first['ratelimit-policy']}, ${second['ratelimit-policy']}`,
    ratelimit: `${first.ratelimit}, ${second.ratelimit}`,
  };
}
