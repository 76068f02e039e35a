import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../api/server.ts';
import type { TrackedRequests } from './request-lifecycle.ts';

/** What programs ask for every few seconds, and nobody looks for in a log unless it goes wrong. */
const ROUTINE: ReadonlySet<string | undefined> = new Set(['/events', '/health/live', '/health/ready', '/metrics']);

const LONGEST_PATH = 1024;
const LONGEST_WORDS = 256;

/** One line a request: who asked for what, and what came of it. Whatever the client has chosen in it is cut to size, and can look like nothing else. */
export function logRequests({ whenAnswered }: TrackedRequests, log: Log): void {
  if (!log.isLevelEnabled('info')) return;
  const bytesSent = createByteCount();
  whenAnswered(({ id, user, route, raw }, { ip, status, isCutOff, elapsedMs }) => {
    const bytes = bytesSent(raw.socket);
    const level = status < 300 && ROUTINE.has(route) ? 'debug' : 'info';
    if (!log.isLevelEnabled(level)) return;
    const fields = {
      id,
      user: user && printable(user, LONGEST_WORDS),
      ip: printable(ip, LONGEST_WORDS),
      method: raw.method,
      path: printable(pathOf(raw), LONGEST_PATH),
      status,
      route,
      bytes,
      ms: Math.round(elapsedMs * 10) / 10,
      agent: printable(raw.headers['user-agent'] ?? '', LONGEST_WORDS) || undefined,
      ...(isCutOff && { isCutOff }),
    };
    log[level](fields, 'request');
  });
}

/** Without the query: nothing that a client put there by mistake comes into a log. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** What breaks a line, steers a terminal, or turns the direction of what follows. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function printable(text: string, most: number): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return short.replace(UNPRINTABLE, '\ufffd');
}

/** Counts what has gone out on a connection since the answer before, headers included. */
function createByteCount(): (socket: Socket) => number {
  const counted = new WeakMap<Socket, number>();
  return (socket) => {
    const [before, now] = [counted.get(socket) ?? 0, socket.bytesWritten ?? 0];
    counted.set(socket, now);
    return now - before;
  };
}
