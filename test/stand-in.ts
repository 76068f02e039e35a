import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a stand-in answers: a status, a body (objects as JSON), and headers. Undefined hangs up. */
export interface Answer {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StandIn {
  readonly url: string;
  /** The requests so far, in order. */
  readonly requests: readonly {
    readonly method: string;
    readonly url: string;
    readonly authorization: string | undefined;
  }[];
  stop(): Promise<void>;
}

/** A small honest server for the answers that no real component gives on demand. */
export async function startStandIn(
  answer: (request: IncomingMessage, url: URL) => Answer | undefined | Promise<Answer | undefined>,
): Promise<StandIn> {
  const requests: { method: string; url: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, url, authorization: headers.authorization });
    void Promise.resolve(answer(request, new URL(url, 'http://stand-in.invalid'))).then((given) =>
      send(response, given),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, answer: Answer | undefined): void {
  if (answer === undefined) {
    response.destroy();
    return;
  }
  const { status = 200, body = '', headers = {} } = answer;
  const isBytes = typeof body === 'string' || Buffer.isBuffer(body);
  response.writeHead(status, headers).end(isBytes ? body : JSON.stringify(body));
}
