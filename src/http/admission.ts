import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '../api/server.ts';
import type { ThrottledSignInOptions } from '../auth/throttled-sign-in.ts';
import type { Clock } from '../ports.ts';
import { clientAddress } from './client-address.ts';
import type { ConnectionsOptions } from './connections.ts';
import type { HostCheck } from './host-check.ts';
import { TIMEOUTS, type Timeouts } from './listener.ts';
import { problemOfHeaders } from './malformed-requests.ts';
import { sendProblem } from './problems.ts';
import type { RequestLimits, RequestLimitsOptions } from './request-limits.ts';
import type { TlsOptions } from './tls.ts';

/** What stands before everything that is answered: who may come, how often, and by which way. */
export interface AdmissionSettings {
  readonly limits: Pick<ConnectionsOptions, 'connections' | 'connectionsPerAddress'> &
    Pick<RequestLimitsOptions, 'requestsPerAddress' | 'requestsPerUser'> &
    Pick<ThrottledSignInOptions, 'failedSignIns'>;
  readonly timeouts: Timeouts;
  /** Addresses and networks of proxies that are believed when they say who asks. */
  readonly trustedProxies: readonly string[];
  /** In lower case, without ports; undefined for whatever host. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Undefined: HTTP without TLS. */
  readonly tls: TlsOptions | undefined;
  readonly steadyClock: Clock;
}

/** Anybody, as often as he likes. */
export const NO_ADMISSION_LIMITS: AdmissionSettings = {
  limits: { connections: 0, connectionsPerAddress: 0, requestsPerAddress: 0, requestsPerUser: 0, failedSignIns: 0 },
  timeouts: TIMEOUTS,
  trustedProxies: [],
  allowedHosts: undefined,
  tls: undefined,
  steadyClock: () => 0,
};

export interface AdmissionOptions extends Pick<AdmissionSettings, 'trustedProxies'> {
  readonly problemOfHost: HostCheck;
  readonly prefix: string;
  readonly limits: Pick<RequestLimits, 'admitAddress'>;
  readonly log: Log;
}

/**
 * Lets requests pass that are for a host of ours, and not too many of one address. Probes come by whatever name, and are not for a busy hour to
 * stop; a registry loses the events that it cannot deliver, and shows a secret with them.
 */
export function admitRequests(server: FastifyInstance, options: AdmissionOptions): void {
  const { prefix, limits, log, problemOfHost, trustedProxies } = options;
  const isProbe = (url: string): boolean => url.startsWith(`${prefix}/health/`);
  const isOfEvents = (url: string): boolean => url === `${prefix}/events`;
  const hint = trustedProxies.length > 0 ? () => undefined : hintAtProxies(log);
  server.addHook('onRequest', (request, reply, done) => {
    const { url = '' } = request.raw;
    const wrong = problemOfHost(request.raw, isProbe(url)) ?? problemOfHeaders(request.raw);
    hint(request);
    if (wrong !== undefined) void sendProblem(reply, wrong);
    else if (isProbe(url) || isOfEvents(url) || limits.admitAddress(clientAddress(request), reply)) done();
  });
}

/** Behind a proxy that nobody has told of, everybody shares the limits of one address. Said once: anybody can send that header. */
function hintAtProxies(log: Log): (request: FastifyRequest) => void {
  let isSaid = false;
  return ({ headers, ip }) => {
    if (isSaid || headers['x-forwarded-for'] === undefined) return;
    isSaid = true;
    log.info(
      { ip, advice: '[general] trust_proxy names it, if it is a proxy of yours' },
      'X-Forwarded-For is not believed',
    );
  };
}
