import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** How a request ended. */
export interface Ending {
  /** Where it came from: looked up at its beginning, since a connection that is gone does not tell. '' where it was gone by then. */
  readonly ip: string;
  /** Of the answer; CLIENT_GONE where nobody waited for one. */
  readonly status: number;
  /** Whether nobody was there any more to take the end of the answer. */
  readonly isCutOff: boolean;
}

type Listener = (request: FastifyRequest, reply: FastifyReply, ending: Ending) => void;

/** What nginx made of it, and others have taken over. */
const CLIENT_GONE = 499;

/** Has a listener called once a request, when its answer has gone out, or whoever asked has gone. */
export type WhenAnswered = (listener: Listener) => void;

/**
 * Fastify's own hook never hears of requests that nobody waited for an answer to, and a client could ask for anything unseen. Those are told of when
 * their connection closes: listeners of a connection cost nothing, and listeners of every answer as much as a small answer does.
 */
export function followAnswers(server: FastifyInstance): WhenAnswered {
  const listeners: Listener[] = [];
  const openOf = new WeakMap<Socket, Map<FastifyReply, string>>();

  function tell(reply: FastifyReply, ip: string, isCutOff: boolean): void {
    const status = reply.raw.headersSent ? reply.statusCode : CLIENT_GONE;
    for (const listener of listeners) listener(reply.request, reply, { ip, status, isCutOff });
  }

  function follow(socket: Socket): Map<FastifyReply, string> {
    const open = new Map<FastifyReply, string>();
    openOf.set(socket, open);
    socket.once('close', () => {
      for (const [reply, ip] of open) tell(reply, ip, true);
      open.clear();
    });
    return open;
  }

  server.addHook('onRequest', (request, reply, done) => {
    const ip: string | undefined = request.ip;
    const { socket } = request.raw;
    (openOf.get(socket) ?? follow(socket)).set(reply, ip ?? '');
    done();
  });
  server.addHook('onResponse', ({ raw }, reply, done) => {
    const open = openOf.get(raw.socket);
    const ip = open?.get(reply);
    if (open?.delete(reply) && ip !== undefined) tell(reply, ip, !reply.raw.writableFinished);
    done();
  });
  return (listener) => void listeners.push(listener);
}
