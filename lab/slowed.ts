import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Served, serve } from './serve.ts';

/** Starts a proxy in front of the server at `url` that delays each response by `delayMs`. If the server does not respond, the connection is closed. */
export function slowed(url: string, delayMs: number): Promise<Served> {
  return serve((incoming, reply) => {
    const { method, headers, url: path = '' } = incoming;
    const upstream = request(new URL(path, url), { method, headers, agent: false }, (response) => {
      reply.writeHead(response.statusCode ?? 0, response.rawHeaders);
      response.on('error', () => reply.destroy());
      response.pipe(reply);
    });
    upstream.on('error', () => reply.destroy());
    reply.on('close', () => upstream.destroy());
    void sleep(delayMs).then(() => incoming.pipe(upstream));
  });
}
