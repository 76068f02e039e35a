import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { onAbort } from '../../lib/abort-listeners.ts';
import { LARGEST_BODY_BYTES } from './connections.ts';
import { decodeBody } from './content-coding.ts';

/** A request as it was sent. */
export interface SentRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface HttpResponse {
  readonly request: SentRequest;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Without the content codings of the response. */
  readonly body: Buffer;
  /** Set if the body was longer than allowed; then `body` is empty. */
  readonly isTooLarge?: true;
}

export interface SendOnceOptions {
  readonly signal: AbortSignal;
  /** The time limit for the complete response, in milliseconds. */
  readonly timeoutMs: number;
  /** The longest body to read, in bytes, also after decompression; the connections have a limit of their own. */
  readonly mostBytes?: number | undefined;
}

/** A response that arrives in pieces but never ends. */
class ResponseTimeoutError extends Error {
  override readonly name = 'ResponseTimeoutError';
  readonly code = 'ANSWER_TIMEOUT';
}

/** A response that is too long after decompression. The code is the one of a response that is too long before it. */
class ResponseTooLargeError extends Error {
  override readonly name = 'ResponseTooLargeError';
  readonly code = 'UND_ERR_RES_EXCEEDED_MAX_SIZE';
}

/** The status of a part of a body, which cannot be decompressed by itself. */
const PARTIAL_CONTENT = 206;

/**
 * Sends one request and returns its complete response. It uses the lowest level of the library, without a stream per body: on a machine that crawler and
 * registry share, the saved CPU time is available to the registry.
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
    const timer = setTimeout(() => fail(new ResponseTimeoutError('the response does not end')), timeoutMs);
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
        answering.abort(new Error('the response is too large'));
      },
      onResponseEnd() {
        settle();
        const [only = Buffer.alloc(0)] = chunks;
        const body = chunks.length > 1 ? Buffer.concat(chunks) : only;
        if (headers['content-encoding'] === undefined || body.length === 0 || status === PARTIAL_CONTENT)
          resolve({ request, status, headers, body });
        else decode({ request, status, headers, body }, mostBytes).then(resolve, reject);
      },
      onResponseError(_, error) {
        settle();
        reject(error);
      },
    });
  });
}

/** Removes the content codings of a response. */
async function decode(response: HttpResponse, mostBytes: number): Promise<HttpResponse> {
  const { 'content-encoding': coding, 'content-length': _, ...headers } = response.headers;
  const body = await decodeBody(response.body, String(coding), Math.min(mostBytes, LARGEST_BODY_BYTES));
  if (body !== undefined) return { ...response, headers, body };
  if (mostBytes > LARGEST_BODY_BYTES) throw new ResponseTooLargeError('the decompressed response is too large');
  return { ...response, headers, body: Buffer.alloc(0), isTooLarge: true };
}
