import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** A forward proxy (RFC 9112, section 3.2.2, and RFC 9110, section 9.3.6): the whole URL for http, and tunnels for https. */
export interface LabProxy {
  readonly url: string;
  /** What it was asked for, such as `GET http://host/path` and `CONNECT host:443`. */
  readonly requests: readonly string[];
  /** A status that it answers everything with. */
  fault: number | undefined;
  stop(): Promise<void>;
}

/** @param credentials `user:password` that it wants from everyone */
export async function startProxy(credentials?: string): Promise<LabProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const expected = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;

  /** The status of its refusal, if it refuses. */
  function refusal(inside: IncomingMessage): number | undefined {
    requests.push(`${inside.method} ${inside.url}`);
    if (expected !== undefined && inside.headers['proxy-authorization'] !== expected) return 407;
    return proxy.fault;
  }

  const server = createServer((inside, answer) => {
    const status = refusal(inside);
    if (status === undefined) passOn(inside, answer);
    else answer.writeHead(status).end();
  });
  server.on('connect', (inside: IncomingMessage, socket: Socket) => {
    const status = refusal(inside);
    socket.on('error', () => socket.destroy());
    if (status !== undefined) socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    else tunnel(inside.url ?? '', socket, sockets);
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

function passOn(inside: IncomingMessage, answer: ServerResponse): void {
  const { 'proxy-authorization': _, ...headers } = inside.headers;
  const outside = request(inside.url ?? '', { method: inside.method, headers, agent: false }, (response) => {
    answer.writeHead(response.statusCode ?? 0, response.rawHeaders);
    response.pipe(answer);
  });
  outside.on('error', () => answer.destroy());
  inside.pipe(outside);
}

function tunnel(authority: string, inside: Socket, sockets: Set<Socket>): void {
  const { hostname, port } = new URL(`http://${authority}`);
  const outside = connect(Number(port || 80), hostname, () => {
    inside.write('HTTP/1.1 200 Connected\r\n\r\n');
    inside.pipe(outside).pipe(inside);
  });
  for (const socket of [inside, outside]) {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
  }
  inside.once('close', () => outside.destroy());
  outside.once('close', () => inside.destroy());
}
