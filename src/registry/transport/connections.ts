import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';

export interface ConnectionOptions {
  /** The time limit for connecting, for the response headers, and between two chunks of a body. */
  readonly timeoutMs: number;
  /** Certificates in PEM that are trusted in addition to the well-known ones, for servers and proxies. */
  readonly ca?: string | undefined;
  /** Presented to the `certificateOrigins` on request; proxies and blob stores do not get it. */
  readonly clientCertificate?: ClientCertificate | undefined;
  readonly certificateOrigins?: readonly string[];
  /** Resolves host names; by default as the system does. A proxy resolves names itself. */
  readonly lookup?: LookupFunction;
  /** The proxies; by default every connection is direct. */
  readonly proxy?: Proxies | undefined;
}

/** Texts in PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Proxies, as in the environment variables. A URL may contain credentials: never log it. */
export interface Proxies {
  /** For http requests. */
  readonly httpProxy: string | undefined;
  /** For https requests. */
  readonly httpsProxy: string | undefined;
  /** Host names with all their subdomains, with or without a port, that are reached directly; separated by commas or spaces. `*` means all. */
  readonly noProxy: string;
}

/** Keep-alive connections to all servers. */
export interface Connections {
  dispatch: Dispatcher['dispatch'];
  destroy(): Promise<void>;
}

/** The longest body, before and after decompression. */
export const LARGEST_BODY_BYTES = 64 * 1024 * 1024;

/** @param perOrigin the largest number of connections to one origin */
export function createConnections(options: ConnectionOptions, perOrigin: number): Connections {
  const others = createAgent(options, perOrigin, undefined);
  const { clientCertificate, certificateOrigins = [] } = options;
  if (clientCertificate === undefined) return others;
  const ours = createAgent(options, perOrigin, clientCertificate);
  const origins = new Set(certificateOrigins);
  return {
    dispatch: (request, handler) => (origins.has(String(request.origin)) ? ours : others).dispatch(request, handler),
    destroy: async () => {
      await Promise.all([ours.destroy(), others.destroy()]);
    },
  };
}

/** HTTP/1.1 only: many small responses are faster over several connections than over one (measured: 1.8 times). */
function createAgent(
  { timeoutMs, ca, lookup, proxy }: ConnectionOptions,
  connections: number,
  identity: ClientCertificate | undefined,
): Connections {
  const limits = {
    connections,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: LARGEST_BODY_BYTES,
    allowH2: false,
  };
  // `ca` replaces the well-known certificates, so they are added.
  const wire = {
    timeout: timeoutMs,
    allowH2: false,
    ...(ca !== undefined && { ca: [...rootCertificates, ca], allowPartialTrustChain: true }),
  };
  const target = { ...wire, ...(identity && { cert: identity.certificate, key: identity.key }) };
  const connect = { ...target, ...(lookup && { lookup }) };
  const direct = new Agent({ ...limits, connect });
  if (proxy === undefined) return direct;
  // Without this, the library connects to the proxy without our limits.
  const toProxy = (origin: string | URL, given: object): Dispatcher => new Pool(origin, { ...limits, ...given });
  // Empty instead of undefined: undefined makes the library read the environment.
  const { httpProxy = '', httpsProxy = '', noProxy } = proxy;
  const proxied = new EnvHttpProxyAgent({
    ...limits,
    connect,
    requestTls: target,
    proxyTls: wire,
    factory: toProxy,
    clientFactory: toProxy,
    httpProxy,
    httpsProxy,
    noProxy,
  });
  // Without an https proxy, the library would use the http proxy, unlike other programs.
  const isDirect = (origin: string): boolean => httpsProxy === '' && origin.startsWith('https:');
  return {
    dispatch: (request, handler) => (isDirect(String(request.origin)) ? direct : proxied).dispatch(request, handler),
    destroy: async () => {
      await Promise.all([direct.destroy(), proxied.destroy()]);
    },
  };
}
