import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { SteadyClock } from '../ports.ts';

/** What is asked, and by whom, as far as that is known yet. */
export interface Asked {
  readonly id: string;
  readonly raw: IncomingMessage;
  /** Who asks, once that is known. */
  readonly user: string | undefined;
  /** Which of our paths it asks for; undefined where that is none of them. */
  readonly route: string | undefined;
}

/** How a request ended. */
export interface Ending {
  /** Where it came from: looked up at its beginning, since a connection that is gone does not tell. '' where it was gone by then. */
  readonly ip: string;
  /** Of the answer; CLIENT_GONE where nobody waited for one. */
  readonly status: number;
  /** Whether nobody was there any more to take the end of the answer. */
  readonly isCutOff: boolean;
  /** Since it began. */
  readonly elapsedMs: number;
}

type Listener = (asked: Asked, ending: Ending) => void;

/** What nginx made of it, and others have taken over. */
const CLIENT_GONE = 499;

/** Tells of every request once: when its answer has gone out, or whoever asked has gone. */
export interface TrackedRequests {
  whenAnswered(listener: Listener): void;
  /** Follows a request that Fastify does not see. Its answer is about to be given, and has gone out when `finished` is called. */
  begin(asked: Asked, response: ServerResponse, ip: string): void;
  finished(response: ServerResponse): void;
}

interface Open {
  readonly asked: Asked;
  readonly ip: string;
  readonly since: number;
}

/**
 * Fastify's own hook never hears of requests that nobody waited for an answer to, and a client could ask for anything unseen. Those are told of when
 * their connection closes: listeners of a connection cost nothing, and listeners of every answer as much as a small answer does.
 */
export function trackRequests(server: FastifyInstance, steadyClock: SteadyClock): TrackedRequests {
  const listeners: Listener[] = [];
  const openOf = new WeakMap<Socket, Map<ServerResponse, Open>>();

  function tell(response: ServerResponse, { asked, ip, since }: Open, isCutOff: boolean): void {
    const status = response.headersSent ? response.statusCode : CLIENT_GONE;
    const elapsedMs = steadyClock() - since;
    for (const listener of listeners) listener(asked, { ip, status, isCutOff, elapsedMs });
  }

  function follow(socket: Socket): Map<ServerResponse, Open> {
    const open = new Map<ServerResponse, Open>();
    openOf.set(socket, open);
    socket.once('close', () => {
      for (const [response, one] of open) tell(response, one, true);
      open.clear();
    });
    return open;
  }

  const followed: TrackedRequests = {
    whenAnswered: (listener) => void listeners.push(listener),
    begin(asked, response, ip) {
      const { socket } = asked.raw;
      (openOf.get(socket) ?? follow(socket)).set(response, { asked, ip, since: steadyClock() });
    },
    finished(response) {
      const open = openOf.get(response.req.socket);
      const one = open?.get(response);
      if (open?.delete(response) && one !== undefined) tell(response, one, !response.writableFinished);
    },
  };
  server.addHook('onRequest', (request, reply, done) => {
    const ip: string | undefined = request.ip;
    followed.begin(request, reply.raw, ip ?? '');
    done();
  });
  server.addHook('onResponse', (_request, reply, done) => {
    followed.finished(reply.raw);
    done();
  });
  return followed;
}
