import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** Forwards a request to the same path of another server and sends its response back. If that server does not respond, the connection is closed. */
export function relay(
  incoming: IncomingMessage,
  response: ServerResponse,
  toUrl: string,
  changed: (headers: IncomingHttpHeaders, status: number) => IncomingHttpHeaders = (headers) => headers,
): void {
  const { method, headers, url: path = '' } = incoming;
  const upstream = request(
    new URL(path, toUrl),
    { method, headers: { ...headers, host: new URL(toUrl).host } },
    (answer) => {
      const status = answer.statusCode ?? 0;
      response.writeHead(status, changed(answer.headers, status));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    },
  );
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}
