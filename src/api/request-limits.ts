import type { FastifyReply } from 'fastify';
import type { Clock } from '../ports.ts';
import { countedBy } from './addresses.ts';
import { sendProblem, tooManyRequests } from './problems.ts';
import { type Allowance, createRateLimit, type RateLimit } from './rate-limit.ts';

export interface RequestLimitsOptions {
  /** A minute; 0 is no limit. */
  readonly requestsPerAddress: number;
  /** A minute; 0 is no limit. */
  readonly requestsPerUser: number;
  readonly steadyClock: Clock;
}

/** Each counts a request, and says how many more there may be; or answers that there have been too many, and is false. */
export interface RequestLimits {
  admitAddress(address: string, reply: FastifyReply): boolean;
  admitUser(user: string, reply: FastifyReply): boolean;
}

export function createRequestLimits(options: RequestLimitsOptions): RequestLimits {
  const { requestsPerAddress, requestsPerUser, steadyClock } = options;
  const admitAddress = createGate('address', requestsPerAddress, steadyClock);
  const admitUser = createGate('user', requestsPerUser, steadyClock);
  return {
    admitAddress: (address, reply) => admitAddress(countedBy(address), reply),
    admitUser,
  };
}

/**
 * The headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers, from its 8th version on): of each limit that the
 * request was held against, q(uota) and w(indow) in seconds, and what r(emains), and in how many seconds (t) it is whole again. Only when half
 * of it is spent: they cost a tenth of a small answer, and until then nobody has to slow down.
 */
function createGate(name: 'address' | 'user', perMinute: number, steadyClock: Clock) {
  if (perMinute === 0) return () => true;
  const limit: RateLimit = createRateLimit({ perMinute, steadyClock });
  const policy = `"${name}";q=${perMinute};w=60`;
  return (key: string, reply: FastifyReply): boolean => {
    const allowance = limit.take(key);
    if (allowance.remaining < perMinute / 2) {
      append(reply, 'ratelimit-policy', policy);
      append(reply, 'ratelimit', tell(name, allowance));
    }
    if (!allowance.isAllowed) void sendProblem(reply, tooManyRequests(name, allowance.retryAfterMs));
    return allowance.isAllowed;
  };
}

function tell(name: string, { remaining, resetMs }: Allowance): string {
  return `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`;
}

function append(reply: FastifyReply, header: string, item: string): void {
  const before = reply.getHeader(header);
  void reply.header(header, before === undefined ? item : `${String(before)}, ${item}`);
}
