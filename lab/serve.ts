import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** An HTTP server on a free port of 127.0.0.1. */
export interface Served {
  readonly url: string;
  stop(): Promise<void>;
}

export function serve(listener: RequestListener): Promise<Served> {
  return started(createServer(listener), 'http');
}

/** Starts a server with TLS. The options may require client certificates. */
export function serveTls(options: ServerOptions, listener: RequestListener): Promise<Served> {
  return started(createTlsServer(options, listener), 'https');
}

async function started(server: Server, scheme: 'http' | 'https'): Promise<Served> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
