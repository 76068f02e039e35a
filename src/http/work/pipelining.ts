import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/* Answers the requests of one connection one after another. Node would pass on all requests that a client has pipelined at once, and only put their
 * responses in order: one connection could start thousands of requests.
 *
 *   parsed     r1 r2 r3 r4 │ r5 … stay in the socket's buffer, and then in that of the client
 *   handled    r1             r2 starts when the response to r1 has been sent */

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Connection {
  /** The response to the request that is being handled, or the last one that was. */
  current: ServerResponse;
  readonly waiting: Exchange[];
}

/**
 * While that many requests wait, nothing is read from the connection. As many as one read returns, 64 KiB, may be parsed beyond that. Below it, the
 * service notices when the client disconnects.
 */
const MAX_WAITING = 16;

/** Returns a listener that passes a request on as soon as the response to the one before it on the same connection has been sent. */
export function oneAtATime(handle: RequestListener): RequestListener {
  const connections = new WeakMap<Socket, Connection>();

  function start(connection: Connection, { request, response }: Exchange): void {
    connection.current = response;
    handle(request, response);
  }

  /** Only for pipelined requests: a listener for each response would cost as much as a small response does. */
  function startNextAfterCurrent(connection: Connection, socket: Socket): void {
    connection.current.once('close', () => {
      const next = connection.waiting.shift();
      if (next === undefined || socket.destroyed) {
        connection.waiting.length = 0;
        return;
      }
      start(connection, next);
      if (connection.waiting.length > 0) startNextAfterCurrent(connection, socket);
      if (connection.waiting.length >= MAX_WAITING) pauseSoon(connection, socket);
      else if (socket.isPaused()) socket.resume();
    });
  }

  return (request, response) => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (connection === undefined) {
      const first: Connection = { current: response, waiting: [] };
      connections.set(socket, first);
      handle(request, response);
    } else if (connection.waiting.length === 0 && isSent(connection.current)) {
      start(connection, { request, response });
    } else {
      connection.waiting.push({ request, response });
      if (connection.waiting.length === 1) startNextAfterCurrent(connection, socket);
      if (connection.waiting.length >= MAX_WAITING) pauseSoon(connection, socket);
    }
  };
}

/**
 * Stops reading. Node resumes a socket after each request that it has parsed, and after each response, in the next tick: so the pause must come one tick
 * later, and again after each of them.
 */
function pauseSoon({ waiting }: Connection, socket: Socket): void {
  process.nextTick(() =>
    process.nextTick(() => {
      if (waiting.length >= MAX_WAITING) socket.pause();
    }),
  );
}

function isSent(response: ServerResponse): boolean {
  return response.writableFinished || response.closed;
}
