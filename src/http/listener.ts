import { lookup } from 'node:dns/promises';
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { secureContextOptions, type TlsOptions } from './tls.ts';

/** How long a client may take, in milliseconds. */
export interface Timeouts {
  /** For the handshake of TLS, and for the headers of a request: from the connection on, or from the first byte of a later request. */
  readonly headersMs: number;
  /** For a request with its body: nothing that is asked of us takes longer to say. */
  readonly requestMs: number;
  /** For another request. Longer than proxies wait (nginx: 60 s), so that it is never us who close while they ask. */
  readonly keepAliveMs: number;
  /** For reading anything at all of an answer. */
  readonly stalledMs: number;
  /** For reading the whole of an answer. */
  readonly answerMs: number;
}

export const TIMEOUTS: Timeouts = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 72_000,
  stalledMs: 30_000,
  answerMs: 600_000,
};

/** The request line and all headers together: a token takes half a kilobyte of it. */
const MOST_HEADER_BYTES = 16 * 1024;
const LONGEST_CHECK_MS = 1000;

export interface ListenerOptions {
  readonly timeouts: Timeouts;
  readonly tls: TlsOptions | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The HTTP server of Node below ours. Throws a `CertificateError` where the certificate cannot be shown. */
export function createListener(onRequest: RequestListener, { timeouts, tls, now }: ListenerOptions): Server {
  const options: ServerOptions = {
    maxHeaderSize: MOST_HEADER_BYTES,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // By default whoever is late is looked for every 30 seconds.
    connectionsCheckingInterval: Math.min(LONGEST_CHECK_MS, timeouts.headersMs),
    // We look at the header ourselves, and answer as to any other mistake.
    requireHostHeader: false,
    insecureHTTPParser: false,
  };
  if (tls === undefined) return createServer(options, onRequest);
  const secure = { handshakeTimeout: timeouts.headersMs, ...secureContextOptions(tls, now) };
  return createTlsServer({ ...options, ...secure }, onRequest);
}

/**
 * Listens at that address, or at all of `localhost`, which may be 127.0.0.1 and ::1: whoever connects to the further ones is let in by the
 * same door, and no limit counts twice.
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
    // A machine may know an address that it does not have.
    await new Promise<void>((resolve) => further.once('error', () => resolve()).listen(bound.port, address, resolve));
    server.server.once('close', () => further.close());
  }
}

async function lookUpAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
