import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { SteadyClock } from '../ports.ts';

/** A request, with the facts that are known so far. */
export interface TrackedRequest {
  readonly id: string;
  readonly raw: IncomingMessage;
  readonly user: string | undefined;
  readonly route: string | undefined;
}

/** How a request ended. */
export interface Outcome {
  /** The client's address, read when the request began: a closed connection has none. '' if it was closed before. */
  readonly ip: string;
  /** The status of the response; CLIENT_GONE if the client disconnected before there was one. */
  readonly status: number;
  /** Whether the client disconnected before the end of the response. */
  readonly isCutOff: boolean;
  /** Since the request began. */
  readonly elapsedMs: number;
}

type Listener = (request: TrackedRequest, outcome: Outcome) => void;

/** The status that nginx has introduced, and others use too. */
const CLIENT_GONE = 499;

/** Calls its listeners once for each request: when the response has been sent, or when the client has disconnected. */
export interface RequestTracker {
  whenDone(listener: Listener): void;
  /** Tracks a request that Fastify does not handle. The caller sends the response and then calls `finish`. */
  begin(request: TrackedRequest, response: ServerResponse, ip: string): void;
  finish(response: ServerResponse): void;
}

interface OpenRequest {
  readonly request: TrackedRequest;
  readonly ip: string;
  readonly since: number;
}

/**
 * Fastify's hook does not run for requests whose client disconnects before the response, so a client could send requests that appear in no log. These
 * requests end when their connection closes. A listener for each connection costs nothing; one for each response costs as much as a small response.
 */
export function trackRequests(server: FastifyInstance, steadyClock: SteadyClock): RequestTracker {
  const listeners: Listener[] = [];
  const openBySocket = new WeakMap<Socket, Map<ServerResponse, OpenRequest>>();

  function notify(response: ServerResponse, { request, ip, since }: OpenRequest, isCutOff: boolean): void {
    const status = response.headersSent ? response.statusCode : CLIENT_GONE;
    const elapsedMs = steadyClock() - since;
    for (const listener of listeners) listener(request, { ip, status, isCutOff, elapsedMs });
  }

  function trackSocket(socket: Socket): Map<ServerResponse, OpenRequest> {
    const openRequests = new Map<ServerResponse, OpenRequest>();
    openBySocket.set(socket, openRequests);
    socket.once('close', () => {
      for (const [response, open] of openRequests) notify(response, open, true);
      openRequests.clear();
    });
    return openRequests;
  }

  const tracker: RequestTracker = {
    whenDone: (listener) => void listeners.push(listener),
    begin(request, response, ip) {
      const { socket } = request.raw;
      (openBySocket.get(socket) ?? trackSocket(socket)).set(response, { request, ip, since: steadyClock() });
    },
    finish(response) {
      const openRequests = openBySocket.get(response.req.socket);
      const open = openRequests?.get(response);
      if (openRequests?.delete(response) && open !== undefined) notify(response, open, !response.writableFinished);
    },
  };
  server.addHook('onRequest', (request, reply, done) => {
    const ip: string | undefined = request.ip;
    tracker.begin(request, reply.raw, ip ?? '');
    done();
  });
  server.addHook('onResponse', (_request, reply, done) => {
    tracker.finish(reply.raw);
    done();
  });
  return tracker;
}
