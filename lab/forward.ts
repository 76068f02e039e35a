import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The same server at another address of this machine: what comes in goes on to that port of 127.0.0.1, once `before` has resolved. */
export async function forward(
  address: string,
  toPort: number,
  before: () => Promise<void> = async () => undefined,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = connect(toPort, '127.0.0.1');
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
    }
    void before().then(() => inside.pipe(outside).pipe(inside));
  });
  server.listen(0, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
