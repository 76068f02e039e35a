import type { IncomingMessage } from 'node:http';
import type { TokenVerifier, VerifiedPrincipal } from '../ports.ts';
import { bearerToken } from './authorization.ts';
import type { HostCheck } from './host-check.ts';
import { problemOfHeaders } from './malformed-requests.ts';
import { type Problem, unauthorized } from './problems.ts';
import { joinHeaders, NOT_LIMITED, type RateLimitHeaders, type RequestLimits } from './request-limits.ts';

/* Every request, cached or not, passes `admit` once, before its body is read:
 *
 *   host ──► headers ──► limit of the address ──► token ──► limit of the user ──► visibility
 *   400, 421   400              429                401             429              names what the principal may see; a part of every cache key */

/** What a route requires of its requests. */
export interface Access {
  /** Whether requests for hosts that the configuration does not list are served too. */
  readonly isForAnyHost: boolean;
  /** Whether requests are counted against the limit of their address. */
  readonly isLimited: boolean;
  readonly needsToken: boolean;
}

/** A row of the route table. */
export interface Route {
  /** The path below the prefix without names, such as `/repositories/*`: the log and the metrics must not contain what clients make up. */
  readonly label: string;
  /** Without HEAD, which GET includes, and OPTIONS, which every route has. */
  readonly methods: readonly string[];
  readonly access: Access;
}

/** Returns the route of a path without a query; undefined if there is none. */
export type RouteTable = (path: string) => Route | undefined;

/** A request for no route gets 404. */
const NO_ROUTE: Access = { isForAnyHost: false, isLimited: true, needsToken: false };

/** Tells whether the route handles the method. Otherwise the request gets 405, or for OPTIONS the list of methods. */
export function isHandledBy(route: Route | undefined, method: string): boolean {
  return route?.methods.includes(method === 'HEAD' ? 'GET' : method) ?? false;
}

/** Returns what a request must meet. A request that no handler gets needs no token. */
export function accessOf(route: Route | undefined, method: string): Access {
  if (route === undefined) return NO_ROUTE;
  return isHandledBy(route, method) ? route.access : { ...route.access, needsToken: false };
}

export type Admission =
  | {
      readonly status: 'admitted';
      /** Defined if the route needs a token. */
      readonly principal: VerifiedPrincipal | undefined;
      readonly headers: RateLimitHeaders | undefined;
    }
  | { readonly status: 'refused'; readonly problem: Problem; readonly headers: RateLimitHeaders | undefined };

/**
 * Checks a request, and adds it to its limits. Returns a promise only for a token that has not been verified before.
 *
 * @param address of the client, as far as trusted proxies tell it
 */
export type Admit = (request: IncomingMessage, address: string, access: Access) => Admission | Promise<Admission>;

export interface AdmissionOptions {
  readonly problemOfHost: HostCheck;
  readonly limits: RequestLimits;
  readonly tokens: TokenVerifier;
  /** Where a client gets a token. */
  readonly signInPath: string;
}

export function createAdmission({ problemOfHost, limits, tokens, signInPath }: AdmissionOptions): Admit {
  const tokenMissing = unauthorized(`A bearer token is required: get one from ${signInPath}`, false);

  function admitPrincipal(
    principal: VerifiedPrincipal | undefined,
    headersOfAddress: RateLimitHeaders | undefined,
  ): Admission {
    if (principal === undefined) return { status: 'refused', problem: TOKEN_INVALID, headers: headersOfAddress };
    const user = limits.countUser(principal.key);
    const headers = joinHeaders(headersOfAddress, user.headers);
    if (user.problem !== undefined) return { status: 'refused', problem: user.problem, headers };
    return { status: 'admitted', principal, headers };
  }

  return (request, clientAddress, { isForAnyHost, isLimited, needsToken }) => {
    const malformed = problemOfHost(request, isForAnyHost) ?? problemOfHeaders(request);
    if (malformed !== undefined) return { status: 'refused', problem: malformed, headers: undefined };
    const { problem, headers } = isLimited ? limits.countAddress(clientAddress) : NOT_LIMITED;
    if (problem !== undefined) return { status: 'refused', problem, headers };
    if (!needsToken) return { status: 'admitted', principal: undefined, headers };
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) return { status: 'refused', problem: tokenMissing, headers };
    const known = tokens.recall(token);
    if (known !== undefined) return admitPrincipal(known, headers);
    return tokens.verify(token).then((principal) => admitPrincipal(principal, headers));
  };
}

const TOKEN_INVALID = unauthorized('The token is not valid: it may have expired, or been revoked', true);
