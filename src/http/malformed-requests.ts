import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { countHeader } from './host-check.ts';
import { badRequest, PROBLEM, type Problem, problemBody } from './problems.ts';

/* Requests that are valid and rare, or invalid and common. The code here makes the service route, log and refuse them like all others. */

/** Returns the path and query of a request URL. Clients send an absolute URL to a proxy (RFC 9112, 3.2.2). */
export function originForm(url: string): string {
  if (url.startsWith('/') || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** Returns a URL whose path can be decoded. In a path with an invalid escape, which exists nowhere, all escapes are escaped, so that it is refused as any other unknown path. */
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
 * Returns the problem with headers that a proxy may understand differently; undefined if there is none. These are two Authorization headers, and a
 * chunked HTTP/1.0 body, which the protocol does not have (RFC 9112, 6.1: the connection must be closed).
 */
export function problemOfHeaders({ rawHeaders, headers, httpVersionMinor }: IncomingMessage): Problem | undefined {
  if (httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined) return CHUNKED_HTTP_1_0;
  if (headers.authorization !== undefined && countHeader(rawHeaders, 'authorization') > 1)
    return SEVERAL_AUTHORIZATIONS;
  return undefined;
}

const CHUNKED_HTTP_1_0: Problem = {
  ...badRequest('An HTTP/1.0 request must not have a Transfer-Encoding header'),
  headers: { connection: 'close' },
};
const SEVERAL_AUTHORIZATIONS = badRequest('The request must have only one Authorization header');

/** Ignores an unknown Expect header (RFC 9110, 10.1.1). Node would refuse the request itself, without counting or logging it. */
export function ignoreExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Refuses CONNECT. Node passes such a request to no handler and would close the connection without a response. */
export function refuseTunnels(server: Server): void {
  server.on('connect', (_request, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(refusal(405, 'The service is no proxy', 'Allow: GET, HEAD, POST, OPTIONS\r\n'));
  });
}

/**
 * Refuses input that is not HTTP, and closes the connection. Responses to earlier requests on the connection are sent first, and never interrupted.
 *
 * @param last the response to the last request of the connection; undefined if there was none
 */
export function refuseUnparsable(error: { code?: string }, socket: Socket, last: ServerResponse | undefined): void {
  const { code = '' } = error;
  // After a failure below HTTP, of the connection or of TLS, no response can be sent.
  if (!/^(?:HPE|ERR_HTTP)_/.test(code)) {
    socket.destroy();
    return;
  }
  const refuse = (): void => {
    if (socket.writable) socket.end(refusal(UNPARSABLE_STATUS.get(code) ?? 400));
    else socket.destroy();
  };
  if (last === undefined || last.writableFinished) refuse();
  else if (last.req.complete)
    last.once('finish', refuse).once('close', () => last.writableFinished || socket.destroy());
  // The body of that request cannot be parsed. A request that waits behind others has no socket yet.
  else if (last.socket === socket && !last.headersSent) refuse();
  else socket.destroy();
}

function refusal(status: number, detail = 'The request must be valid HTTP', headers = ''): Buffer {
  const body = problemBody({ status, detail });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM}\r\nContent-Length: ${body.length}`;
  return Buffer.concat([Buffer.from(`${head}\r\n${headers}Connection: close\r\n\r\n`), body]);
}

const UNPARSABLE_STATUS: ReadonlyMap<string, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_HEADER_OVERFLOW', 431],
]);

/**
 * Accepts a body with a GET request. The first version of this service read parameters from a JSON body; a body of any other type is ignored, and so
 * is an empty one of any type.
 */
export function acceptGetBodies(server: FastifyInstance): void {
  server.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  const parseJson = server.getDefaultJsonParser('error', 'ignore');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parseJson(request, String(body), done);
  });
  // Ignored bodies are read too, up to the limit.
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_, _body, done) => done(null, undefined));
}
