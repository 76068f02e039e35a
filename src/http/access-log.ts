import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../ports.ts';
import type { RequestTracker } from './request-lifecycle.ts';

const MAX_PATH_LENGTH = 1024;
const MAX_FIELD_LENGTH = 256;

/**
 * Logs one line for each request. Texts that the client has chosen are cut, and cannot forge other lines.
 *
 * @param routineRoutes routes that programs request every few seconds: their successful requests are logged at the level debug
 */
export function logRequests({ whenDone }: RequestTracker, log: Log, routineRoutes: ReadonlySet<string>): void {
  if (!log.isLevelEnabled('info')) return;
  const bytesSent = createByteCount();
  whenDone(({ id, user, route, raw }, { ip, status, isCutOff, elapsedMs }) => {
    const bytes = bytesSent(raw.socket);
    const level = status < 300 && route !== undefined && routineRoutes.has(route) ? 'debug' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const fields = {
      id,
      user: user && printable(user, MAX_FIELD_LENGTH),
      ip: printable(ip, MAX_FIELD_LENGTH),
      method: raw.method,
      path: printable(pathOf(raw), MAX_PATH_LENGTH),
      status,
      route,
      bytes,
      ms: Math.round(elapsedMs * 10) / 10,
      agent: printable(raw.headers['user-agent'] ?? '', MAX_FIELD_LENGTH) || undefined,
      ...(isCutOff && { isCutOff }),
    };
    log[level](fields, 'request');
  });
}

/** Returns the path without the query: a secret that a client sends in the query by mistake must not reach the log. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** Characters that break a line, control a terminal, or change the direction of the text after them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function printable(text: string, maxLength: number): string {
  const short = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return short.replace(UNPRINTABLE, '\ufffd');
}

/** Returns a function that counts the bytes sent on a connection since its previous call, headers included. */
function createByteCount(): (socket: Socket) => number {
  const countedBefore = new WeakMap<Socket, number>();
  return (socket) => {
    const [before, now] = [countedBefore.get(socket) ?? 0, socket.bytesWritten ?? 0];
    countedBefore.set(socket, now);
    return now - before;
  };
}
