import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** Hands a request on to the same path of another server, and its answer back. Where that does not answer, neither does this. */
export function relay(
  inside: IncomingMessage,
  response: ServerResponse,
  toUrl: string,
  changed: (headers: IncomingHttpHeaders, status: number) => IncomingHttpHeaders = (headers) => headers,
): void {
  const { method, headers, url: path = '' } = inside;
  const outside = request(
    new URL(path, toUrl),
    { method, headers: { ...headers, host: new URL(toUrl).host } },
    (answer) => {
      const status = answer.statusCode ?? 0;
      response.writeHead(status, changed(answer.headers, status));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    },
  );
  outside.on('error', () => response.destroy());
  response.on('close', () => outside.destroy());
  inside.pipe(outside);
}
