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

export interface PipeliningOptions {
  /** How many requests of a connection wait before the service stops reading from it. As many as one read returns, 64 KiB, may follow. */
  readonly maxWaiting?: number;
  /** How many wait on all connections together before each connection may have only a few. */
  readonly maxWaitingInAll?: number;
}

/* While the service does not read from a connection, it notices that the client has gone only when it sends the next response. So a few clients may have
 * more requests waiting than any client should send. A waiting request takes some kilobytes. */
const MAX_WAITING = 1024;
const MAX_WAITING_IN_ALL = 4096;
const FEW = 16;

/** Returns a listener that passes a request on as soon as the response to the one before it on the same connection has been sent. */
export function oneAtATime(
  handle: RequestListener,
  { maxWaiting = MAX_WAITING, maxWaitingInAll = MAX_WAITING_IN_ALL }: PipeliningOptions = {},
): RequestListener {
  const connections = new WeakMap<Socket, Connection>();
  let waitingInAll = 0;

  const isFull = ({ waiting }: Connection): boolean =>
    waiting.length >= maxWaiting || (waiting.length >= FEW && waitingInAll >= maxWaitingInAll);

  /** Only for pipelined requests: a listener for each response would cost as much as a small response does. */
  function startNextAfterCurrent(connection: Connection, socket: Socket): void {
    const { waiting } = connection;
    connection.current.once('close', () => {
      if (socket.destroyed) {
        waitingInAll -= waiting.length;
        waiting.length = 0;
        return;
      }
      const next = waiting.shift();
      if (next === undefined) return;
      waitingInAll--;
      connection.current = next.response;
      handle(next.request, next.response);
      if (waiting.length > 0) startNextAfterCurrent(connection, socket);
      if (isFull(connection)) pauseSoon(connection, socket);
      else if (socket.isPaused()) socket.resume();
    });
  }

  /**
   * Stops reading. Node resumes a socket after each request that it has parsed, and after each response, in the next tick: so the pause must come one
   * tick later, and again after each of them.
   */
  function pauseSoon(connection: Connection, socket: Socket): void {
    const pause = (): void => {
      if (isFull(connection)) socket.pause();
    };
    process.nextTick(() => process.nextTick(pause));
  }

  return (request, response) => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (connection === undefined || (connection.waiting.length === 0 && isSent(connection.current))) {
      if (connection === undefined) connections.set(socket, { current: response, waiting: [] });
      else connection.current = response;
      handle(request, response);
      return;
    }
    connection.waiting.push({ request, response });
    waitingInAll++;
    if (connection.waiting.length === 1) startNextAfterCurrent(connection, socket);
    if (isFull(connection)) pauseSoon(connection, socket);
  };
}

function isSent(response: ServerResponse): boolean {
  return response.writableFinished || response.closed;
}
