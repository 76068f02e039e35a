import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** A forward proxy: absolute URLs for http (RFC 9112, section 3.2.2), tunnels for https (RFC 9110, section 9.3.6). */
export interface LabProxy {
  readonly url: string;
  /** The requests so far, such as `GET http://host/path` and `CONNECT host:443`. */
  readonly requests: readonly string[];
  /** If set, the proxy answers every request with this status. */
  fault: number | undefined;
  stop(): Promise<void>;
}

/** @param credentials `user:password` that the proxy requires from all clients */
export async function startProxy(credentials?: string): Promise<LabProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const expected = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;

  /** Returns the status if the proxy refuses the request. */
  function refusal(incoming: IncomingMessage): number | undefined {
    requests.push(`${incoming.method} ${incoming.url}`);
    if (expected !== undefined && incoming.headers['proxy-authorization'] !== expected) return 407;
    return proxy.fault;
  }

  const server = createServer((incoming, answer) => {
    const status = refusal(incoming);
    if (status === undefined) forwardRequest(incoming, answer);
    else answer.writeHead(status).end();
  });
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    const status = refusal(incoming);
    socket.on('error', () => socket.destroy());
    if (status !== undefined) socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    else tunnel(incoming.url ?? '', socket, sockets);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: LabProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fault: undefined,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
  return proxy;
}

function forwardRequest(incoming: IncomingMessage, answer: ServerResponse): void {
  const { 'proxy-authorization': _, ...headers } = incoming.headers;
  const upstream = request(incoming.url ?? '', { method: incoming.method, headers, agent: false }, (response) => {
    answer.writeHead(response.statusCode ?? 0, response.rawHeaders);
    response.pipe(answer);
  });
  upstream.on('error', () => answer.destroy());
  incoming.pipe(upstream);
}

function tunnel(authority: string, incoming: Socket, sockets: Set<Socket>): void {
  const { hostname, port } = new URL(`http://${authority}`);
  const upstream = connect(Number(port || 80), hostname, () => {
    incoming.write('HTTP/1.1 200 Connected\r\n\r\n');
    incoming.pipe(upstream).pipe(incoming);
  });
  for (const socket of [incoming, upstream]) {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
  }
  incoming.once('close', () => upstream.destroy());
  upstream.once('close', () => incoming.destroy());
}
