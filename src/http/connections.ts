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
  /** Many come through a proxy. */
  readonly isProxy: (address: string) => boolean;
  readonly timeouts: Pick<Timeouts, 'stalledMs' | 'answerMs'>;
}

/** Keeps the connections of a server few, and ends those that are only held open: while it runs, and when it closes. */
export function watchConnections(server: FastifyInstance, options: ConnectionsOptions): Exchanges {
  refuseTooMany(server.server, options);
  const exchanges = followExchanges(server.server);
  endSlowReaders(server.server, exchanges, options.timeouts);
  closeAsTheyFallIdle(server, exchanges);
  return exchanges;
}

/** By connection, the answer that was asked for last; undefined where nothing was asked for yet. */
export type Exchanges = ReadonlyMap<Socket, ServerResponse | undefined>;

function refuseTooMany(
  server: Server,
  { connections, connectionsPerAddress, isProxy }: Omit<ConnectionsOptions, 'timeouts'>,
): void {
  const perAddress = new Map<string, number>();
  let all = 0;
  server.prependListener('connection', (socket: Socket) => {
    const address = rateLimitKey(socket.remoteAddress ?? '');
    const here = perAddress.get(address) ?? 0;
    const isCrowded = connectionsPerAddress > 0 && here >= connectionsPerAddress && !isProxy(address);
    if (isCrowded || (connections > 0 && all >= connections)) {
      socket.destroy();
      return;
    }
    all++;
    perAddress.set(address, here + 1);
    socket.once('close', () => {
      all--;
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
  });
}

function followExchanges(server: Server): Exchanges {
  const exchanges = new Map<Socket, ServerResponse | undefined>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    if (socket.destroyed) return;
    exchanges.set(socket, undefined);
    socket.once('close', () => exchanges.delete(socket));
  });
  server.on('request', ({ socket }, response) => exchanges.set(socket, response));
  return exchanges;
}

/** A client that stops reading, or reads by the drop, holds an answer in our memory. */
function endSlowReaders(
  server: Server,
  exchanges: Exchanges,
  { stalledMs, answerMs }: Pick<Timeouts, 'stalledMs' | 'answerMs'>,
): void {
  // Called where nothing moved for that long. Who waits for us, or has not asked yet, is not the one who keeps an answer waiting.
  server.setTimeout(stalledMs, (socket: Socket) => {
    if (exchanges.get(socket)?.writableFinished || socket.writableLength > 0) socket.destroy();
  });
  const sweepMs = answerMs / SWEEPS;
  const sweepsOf = new WeakMap<ServerResponse, number>();
  const timer = setInterval(() => {
    for (const [socket, response] of exchanges) {
      if (response === undefined || socket.writableLength === 0) continue;
      const sweeps = (sweepsOf.get(response) ?? 0) + 1;
      sweepsOf.set(response, sweeps);
      if (sweeps > SWEEPS) socket.destroy();
    }
  }, sweepMs).unref();
  server.once('close', () => clearInterval(timer));
}

/** How often an answer is looked at before its time is over. */
const SWEEPS = 30;
const IDLE_CHECK_MS = 50;

/**
 * A connection that is kept for another request, and had one under way when the server began to close, is closed with its answer; one that
 * never asked for anything, as browsers open them ahead, at once.
 */
function closeAsTheyFallIdle(server: FastifyInstance, exchanges: Exchanges): void {
  server.addHook('preClose', async () => {
    for (const [socket, response] of exchanges) if (response === undefined) socket.destroy();
    const timer = setInterval(() => server.server.closeIdleConnections(), IDLE_CHECK_MS);
    server.server.once('close', () => clearInterval(timer));
  });
}
