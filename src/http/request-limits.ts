import type { FastifyReply } from 'fastify';
import type { Clock } from '../ports.ts';
import { rateLimitKey } from './client-address.ts';
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
  /** Counts a request against both limits where neither has anything to say of it; false, and not counted, where one has. */
  admitQuietly(address: string, user: string): boolean;
}

interface Gate {
  admit(key: string, reply: FastifyReply): boolean;
  /** Whether a request would be admitted without a word. */
  isQuiet(key: string): boolean;
  count(key: string): void;
}

export function createRequestLimits(options: RequestLimitsOptions): RequestLimits {
  const { requestsPerAddress, requestsPerUser, steadyClock } = options;
  const addresses = createGate('address', requestsPerAddress, steadyClock);
  const users = createGate('user', requestsPerUser, steadyClock);
  return {
    admitAddress: (address, reply) => addresses.admit(rateLimitKey(address), reply),
    admitUser: users.admit,
    admitQuietly(address, user) {
      const counted = rateLimitKey(address);
      if (!addresses.isQuiet(counted) || !users.isQuiet(user)) return false;
      addresses.count(counted);
      users.count(user);
      return true;
    },
  };
}

/**
 * The headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers, from its 8th version on): of each limit that the
 * request was held against, q(uota) and w(indow) in seconds, and what r(emains), and in how many seconds (t) it is whole again. Only when half
 * of it is spent: they cost a tenth of a small answer, and until then nobody has to slow down.
 */
function createGate(name: 'address' | 'user', perMinute: number, steadyClock: Clock): Gate {
  if (perMinute === 0) return OPEN_GATE;
  const limit: RateLimit = createRateLimit({ perMinute, steadyClock });
  const policy = `"${name}";q=${perMinute};w=60`;
  return {
    admit(key, reply) {
      const allowance = limit.take(key);
      if (allowance.remaining < perMinute / 2) {
        append(reply, 'ratelimit-policy', policy);
        append(reply, 'ratelimit', tell(name, allowance));
      }
      if (!allowance.isAllowed) void sendProblem(reply, tooManyRequests(name, allowance.retryAfterMs));
      return allowance.isAllowed;
    },
    isQuiet: (key) => limit.remaining(key) - 1 >= perMinute / 2,
    count: (key) => void limit.take(key),
  };
}

const OPEN_GATE: Gate = { admit: () => true, isQuiet: () => true, count: () => undefined };

function tell(name: string, { remaining, resetMs }: Allowance): string {
  return `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`;
}

function append(reply: FastifyReply, header: string, item: string): void {
  const before = reply.getHeader(header);
  void reply.header(header, before === undefined ? item : `${String(before)}, ${item}`);
}
