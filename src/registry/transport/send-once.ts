import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { onAbort } from '../../lib/abort-listeners.ts';

/** A request as it was sent. */
export interface SentRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface HttpResponse {
  readonly request: SentRequest;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body was longer than the request wants it, and is not here. */
  readonly isTooLarge?: true;
}

export interface SendOnceOptions {
  readonly signal: AbortSignal;
  /** The answer has to be whole within that time. */
  readonly timeoutMs: number;
  /** The body is given up once it is longer; the connections have a limit of their own. */
  readonly mostBytes?: number | undefined;
}

/** An answer that comes piece by piece, and never to its end. */
class AnswerTimeoutError extends Error {
  override readonly name = 'AnswerTimeoutError';
  readonly code = 'ANSWER_TIMEOUT';
}

/**
 * Sends one request and collects its answer, which has to be whole within that time. At this lowest level of the library no stream is made for each body: on a machine that the
 * crawler shares with the registry, what it saves is the registry's.
 */
export function sendOnce(
  dispatcher: Pick<Dispatcher, 'dispatch'>,
  request: Dispatcher.DispatchOptions & SentRequest,
  { signal, timeoutMs, mostBytes = Number.POSITIVE_INFINITY }: SendOnceOptions,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (reason: Error): void => {
      controller?.abort(reason);
      reject(reason);
    };
    const abort = (): void => fail(signal.reason);
    const timer = setTimeout(() => fail(new AnswerTimeoutError('the answer does not end')), timeoutMs);
    const forget = onAbort(signal, abort);
    const settle = (): void => {
      clearTimeout(timer);
      forget();
    };
    dispatcher.dispatch(request, {
      onRequestStart(started) {
        controller = started;
        if (signal.aborted) abort();
      },
      onResponseStart(_, statusCode, fields) {
        status = statusCode;
        headers = fields;
      },
      onResponseData(answering, chunk) {
        bytes += chunk.length;
        if (bytes <= mostBytes) return void chunks.push(chunk);
        settle();
        resolve({ request, status, headers, body: Buffer.alloc(0), isTooLarge: true });
        answering.abort(new Error('the answer is too large'));
      },
      onResponseEnd() {
        settle();
        const [only = Buffer.alloc(0)] = chunks;
        resolve({ request, status, headers, body: chunks.length > 1 ? Buffer.concat(chunks) : only });
      },
      onResponseError(_, error) {
        settle();
        reject(error);
      },
    });
  });
}
