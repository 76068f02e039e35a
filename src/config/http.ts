import type { Values } from './schema.ts';

/** TLS, proxies, host names and limits of the HTTP server. */
export interface HttpConfig {
  /** PEM; the key is that of the first certificate. Undefined: no TLS. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly isKeyExposed: boolean } | undefined;
  /** Addresses and networks. */
  readonly trustedProxies: readonly string[];
  /** In lower case, without ports; undefined for any. */
  readonly allowedHosts: readonly string[] | undefined;
  readonly limits: LimitsConfig;
}

/** 0 means no limit. */
export interface LimitsConfig {
  /** A minute. */
  readonly requestsPerAddress: number;
  /** A minute. */
  readonly requestsPerUser: number;
  /** An hour. */
  readonly failedSignIns: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

export function httpConfigOf({ general, limits }: Pick<Values, 'general' | 'limits'>): HttpConfig {
  const { tls_certificate: certificate, tls_key: key } = general;
  return {
    tls:
      certificate === undefined || key === undefined
        ? undefined
        : { certificate, key: key.pem, isKeyExposed: key.isExposed },
    trustedProxies: general.trust_proxy,
    allowedHosts: general.allowed_hosts,
    limits: {
      requestsPerAddress: limits.requests_per_address,
      requestsPerUser: limits.requests_per_user,
      failedSignIns: limits.failed_sign_ins,
      connections: limits.connections,
      connectionsPerAddress: limits.connections_per_address,
    },
  };
}
