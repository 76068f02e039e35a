import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { rateLimitKey } from './client-address.ts';
import type { Timeouts } from './listener.ts';

export interface ConnectionsOptions {
  /** 0 is no limit. */
  readonly connections: number;
  /** 0 is no limit. */
  readonly connectionsPerAddress: number;
  /** A proxy may open any number of connections, up to the limit of all. */
  readonly isProxy: (address: string) => boolean;
  readonly timeouts: Pick<Timeouts, 'stalledMs' | 'responseMs'>;
}

/** Limits the number of connections, and closes connections that clients only keep open: while the server runs, and when it closes. */
export function watchConnections(server: FastifyInstance, options: ConnectionsOptions): LastResponses {
  refuseTooMany(server.server, options);
  const lastResponses = trackLastResponses(server.server);
  endSlowReaders(server.server, lastResponses, options.timeouts);
  closeIdleConnections(server, lastResponses);
  return lastResponses;
}

/** By connection: the response to its last request; undefined before the first request. */
export type LastResponses = ReadonlyMap<Socket, ServerResponse | undefined>;

function refuseTooMany(
  server: Server,
  { connections, connectionsPerAddress, isProxy }: Omit<ConnectionsOptions, 'timeouts'>,
): void {
  const countByAddress = new Map<string, number>();
  let openCount = 0;
  server.prependListener('connection', (socket: Socket) => {
    const address = rateLimitKey(socket.remoteAddress ?? '');
    const openHere = countByAddress.get(address) ?? 0;
    const isTooMany = connectionsPerAddress > 0 && openHere >= connectionsPerAddress && !isProxy(address);
    if (isTooMany || (connections > 0 && openCount >= connections)) {
      socket.destroy();
      return;
    }
    openCount++;
    countByAddress.set(address, openHere + 1);
    socket.once('close', () => {
      openCount--;
      const left = (countByAddress.get(address) ?? 1) - 1;
      if (left === 0) countByAddress.delete(address);
      else countByAddress.set(address, left);
    });
  });
}

function trackLastResponses(server: Server): LastResponses {
  const lastResponses = new Map<Socket, ServerResponse | undefined>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    if (socket.destroyed) return;
    lastResponses.set(socket, undefined);
    socket.once('close', () => lastResponses.delete(socket));
  });
  server.on('request', ({ socket }, response) => lastResponses.set(socket, response));
  return lastResponses;
}

/** A client that stops reading, or reads very slowly, keeps a response in the memory of the service. */
function endSlowReaders(
  server: Server,
  lastResponses: LastResponses,
  { stalledMs, responseMs }: Pick<Timeouts, 'stalledMs' | 'responseMs'>,
): void {
  // Called if nothing was sent or received for that long. The client is at fault only if a response waits to be read, or was read and no request follows.
  server.setTimeout(stalledMs, (socket: Socket) => {
    if (lastResponses.get(socket)?.writableFinished || socket.writableLength > 0) socket.destroy();
  });
  const sweepMs = responseMs / SWEEPS;
  const sweepsOf = new WeakMap<ServerResponse, number>();
  const timer = setInterval(() => {
    for (const [socket, response] of lastResponses) {
      if (response === undefined || socket.writableLength === 0) continue;
      const sweeps = (sweepsOf.get(response) ?? 0) + 1;
      sweepsOf.set(response, sweeps);
      if (sweeps > SWEEPS) socket.destroy();
    }
  }, sweepMs).unref();
  server.once('close', () => clearInterval(timer));
}

/** How often a response is checked within its time limit. */
const SWEEPS = 30;
const IDLE_CHECK_MS = 50;

/**
 * When the server closes, a connection that waits for its response is closed after it. A connection without any request, as browsers open them in
 * advance, is closed at once.
 */
function closeIdleConnections(server: FastifyInstance, lastResponses: LastResponses): void {
  server.addHook('preClose', async () => {
    for (const [socket, response] of lastResponses) if (response === undefined) socket.destroy();
    const timer = setInterval(() => server.server.closeIdleConnections(), IDLE_CHECK_MS);
    server.server.once('close', () => clearInterval(timer));
  });
}
