import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { countHeader } from './host-check.ts';
import { badRequest, PROBLEM, type Problem, problemBody } from './problems.ts';

/* What is legal and rare, or not legal and common: requests that would not be routed, logged and refused like any other without a word here. */

/** What was asked through a proxy names the whole URL (RFC 9112, 3.2.2). */
export function originForm(url: string): string {
  if (url.startsWith('/') || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** A path with a broken escape names nothing that exists. Its escapes are escaped, so that it is routed, logged and refused like any other. */
export function decodable(url: string): string {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  try {
    decodeURIComponent(path);
    return url;
  } catch {
    return path.replaceAll('%', '%25') + url.slice(path.length);
  }
}

/**
 * What somebody between the client and us may read in another way: who asks, where it is said twice; and where the request ends, if it has chunks,
 * which HTTP/1.0 does not know (RFC 9112, 6.1: the connection is to be closed).
 */
export function problemOfHeaders({ rawHeaders, headers, httpVersionMinor }: IncomingMessage): Problem | undefined {
  if (httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined) return CHUNKS_TOO_EARLY;
  if (headers.authorization !== undefined && countHeader(rawHeaders, 'authorization') > 1) return SEVERAL_TO_ASK;
  return undefined;
}

const CHUNKS_TOO_EARLY: Problem = {
  ...badRequest('HTTP/1.0 has no Transfer-Encoding'),
  headers: { connection: 'close' },
};
const SEVERAL_TO_ASK = badRequest('There is more than one header Authorization');

/** What is expected of us and not known may be passed over (RFC 9110, 10.1.1). Node would refuse it, past every limit and without a line in the log. */
export function passOverExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/**
 * What is no HTTP is answered as any other mistake of a client, and its connection closed: in its turn, behind what was asked for before it on that
 * connection, and never into the middle of an answer.
 *
 * @param last what was asked for last on that connection, if anything was
 */
export function answerUnreadable(error: { code?: string }, socket: Socket, last: ServerResponse | undefined): void {
  const { code = '' } = error;
  // What is wrong below HTTP, with the connection or with TLS, is not for HTTP to answer.
  if (!/^(?:HPE|ERR_HTTP)_/.test(code)) {
    socket.destroy();
    return;
  }
  const refuse = (): void => {
    if (socket.writable) socket.end(refusal(UNREADABLE_STATUS.get(code) ?? 400));
    else socket.destroy();
  };
  if (last === undefined || last.writableFinished) refuse();
  else if (last.req.complete)
    last.once('finish', refuse).once('close', () => last.writableFinished || socket.destroy());
  // It is the body of that request that cannot be read. One that waits behind others has no socket yet.
  else if (last.socket === socket && !last.headersSent) refuse();
  else socket.destroy();
}

function refusal(status: number): Buffer {
  const body = problemBody({ status, detail: 'The request is not understood' });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM}\r\nContent-Length: ${body.length}`;
  return Buffer.concat([Buffer.from(`${head}\r\nConnection: close\r\n\r\n`), body]);
}

const UNREADABLE_STATUS: ReadonlyMap<string, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_HEADER_OVERFLOW', 431],
]);

/**
 * Parameters may stand in a JSON body, since the first version of this service read them there; any other body is let pass, and so is an
 * empty one, whatever type it claims to have.
 */
export function acceptBodiesOfGet(server: FastifyInstance): void {
  server.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  const parseJson = server.getDefaultJsonParser('error', 'ignore');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parseJson(request, String(body), done);
  });
  // Read all the same, but not without end.
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_, _body, done) => done(null, undefined));
}
