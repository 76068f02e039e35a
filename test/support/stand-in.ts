import type { IncomingMessage, ServerResponse } from 'node:http';
import { serve } from '../../lab/serve.ts';

/** A response of a stand-in: a status, a body (objects as JSON), and headers. Undefined closes the connection. */
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

/** Starts a small HTTP server for responses that no real component returns on demand. */
export async function startStandIn(
  answer: (request: IncomingMessage, url: URL) => Answer | undefined | Promise<Answer | undefined>,
): Promise<StandIn> {
  const requests: { method: string; url: string; authorization: string | undefined }[] = [];
  const { url, stop } = await serve((request, response) => {
    const { method = '', url = '', headers } = request;
    requests.push({ method, url, authorization: headers.authorization });
    void Promise.resolve(answer(request, new URL(url, 'http://stand-in.invalid'))).then((given) =>
      send(response, given),
    );
  });
  return { url, requests, stop };
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
