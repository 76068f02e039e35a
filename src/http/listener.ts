import { lookup } from 'node:dns/promises';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { secureContextOptions, type TlsOptions } from './tls.ts';

/** How long a client may take. */
export interface Timeouts {
  /** For the TLS handshake, and for the headers of a request: since the connection was opened, or since the first byte of a later request. */
  readonly headersMs: number;
  /** For a request with its body. */
  readonly requestMs: number;
  /** Until the next request of a connection. Longer than proxies wait (nginx: 60 s): the service must not close a connection on which a proxy sends a request. */
  readonly keepAliveMs: number;
  /** Without reading anything of a response. */
  readonly stalledMs: number;
  /** For reading a whole response. */
  readonly responseMs: number;
}

export const TIMEOUTS: Timeouts = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 72_000,
  stalledMs: 30_000,
  responseMs: 600_000,
};

/** For the request line and all headers together. A token takes half a kilobyte. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CHECK_INTERVAL_MS = 1000;

export interface ListenerOptions {
  readonly timeouts: Timeouts;
  readonly tls: TlsOptions | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Creates Node's HTTP or HTTPS server. Throws a `CertificateError` if the certificate cannot be used. */
export function createListener(onRequest: RequestListener, { timeouts, tls, now }: ListenerOptions): Server {
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // Node's default is to look for expired timeouts every 30 seconds.
    connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, timeouts.headersMs),
    // `admit` checks the header, and refuses the request as it does any other.
    requireHostHeader: false,
    insecureHTTPParser: false,
  };
  if (tls === undefined) return createServer(options, onRequest);
  const secure = { handshakeTimeout: timeouts.headersMs, ...secureContextOptions(tls, now) };
  return createTlsServer({ ...options, ...secure }, onRequest);
}

/**
 * Listens at that address; for `localhost`, at all of its addresses, which may be 127.0.0.1 and ::1. Connections to the further addresses are passed
 * to the same server, so that each limit applies to all of them together.
 */
export async function listen(
  server: FastifyInstance,
  host: string,
  port: number,
  addressesOf: (host: string) => Promise<readonly string[]> = lookUpAll,
): Promise<void> {
  await server.listen({ host, port });
  if (host !== 'localhost') return;
  const bound = server.server.address() as AddressInfo;
  for (const address of await addressesOf(host)) {
    if (address === bound.address) continue;
    const further = createNetServer((socket) => server.server.emit('connection', socket));
    // The name may resolve to an address that the machine does not have.
    await new Promise<void>((resolve) => further.once('error', () => resolve()).listen(bound.port, address, resolve));
    server.server.once('close', () => further.close());
  }
}

async function lookUpAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
