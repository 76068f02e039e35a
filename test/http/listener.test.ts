import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { createListener, listen, TIMEOUTS } from '../../src/http/listener.ts';

test('listens at all addresses of localhost, and handles their connections in one server', async () => {
  const options = { timeouts: TIMEOUTS, tls: undefined, now: 0 };
  const server = fastify({ serverFactory: (onRequest) => createListener(onRequest, options) });
  server.get('/', async () => 'here');
  let connections = 0;
  server.server.on('connection', () => connections++);
  // localhost may have several addresses, and the machine may lack one of them.
  await listen(server, 'localhost', 0, async () => ['127.0.0.1', '192.0.2.1', '127.0.0.2']);
  const { port } = server.server.address() as AddressInfo;
  for (const address of ['127.0.0.1', '127.0.0.2']) {
    const socket = connect(port, address).setEncoding('utf8');
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 200 OK.*here$/s);
  }
  expect(connections).toBe(2);
  await server.close();
  await expect(once(connect(port, '127.0.0.2'), 'connect')).rejects.toThrow('ECONNREFUSED');
});
