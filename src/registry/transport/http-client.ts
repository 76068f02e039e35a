import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../ports.ts';
import { RegistryError } from '../errors.ts';
import { type ConnectionOptions, createConnections } from './connections.ts';
import { createRequestPacing, type RequestPacingOptions } from './request-pacing.ts';
import { delayBefore, isServerError, loadOf, NoAnswer, type Outcome, retriesFor } from './retries.ts';
import { type HttpResponse, sendOnce } from './send-once.ts';

/** The pace and the connections are those of all requests together: to the registry, the token service and blob stores. */
export interface HttpOptions extends RequestPacingOptions, ConnectionOptions {
  readonly userAgent: string;
  /** How often a request that may work later is sent again. */
  readonly retries: number;
  readonly clock: Clock;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** How often this one is sent again at most, where that is not the client's own number. */
  readonly retries?: number;
  /** Whether nothing else works without an answer: then it goes out before all others, and a timeout is tried again as often as any other failure. */
  readonly isVital?: true;
  /** A longer body is not read to its end, and the answer says so. */
  readonly mostBytes?: number;
}

/** A client that keeps its connections, asks no faster than the servers can take, waits when it is told to, and tries again what may work later. */
export interface HttpClient {
  /** The answer of any status that trying again does not change. Throws a `RegistryError` of kind unreadable where there is none. */
  send(url: URL, request: HttpRequest): Promise<HttpResponse>;
  /** How many requests went out, tries included. */
  requestsCount(): number;
  /** How many requests may be in flight at present. */
  concurrency(): number;
  close(): Promise<void>;
}

/** Longer than that nobody waits between the tries of one request: the next crawl will come. */
const LONGEST_PATIENCE_MS = 120_000;
/** Pieces may come slowly, but so many timeouts after it was asked for an answer has to be whole. */
const TIMEOUTS_TO_THE_END = 4;

/** One try of a request. */
interface Attempt {
  /** By the steady clock. */
  readonly startedAt: number;
  readonly outcome: Outcome;
  readonly isFine: boolean;
}

export function createHttpClient(options: HttpOptions): HttpClient {
  const connections = createConnections(options, options.concurrencyMax);
  const pace = createRequestPacing(options);
  let requestsCount = 0;

  async function once(url: URL, request: HttpRequest): Promise<Attempt> {
    const { method, headers = {}, signal, isVital = false, mostBytes } = request;
    const startedAt = await pace.begin({ signal, isVital });
    requestsCount++;
    // After a HEAD the library closes the connection if it is not told otherwise, and nearly all that a later crawl asks is by HEAD.
    const wanted = { origin: url.origin, path: url.pathname + url.search, method, reset: false };
    const outcome = await sendOnce(
      connections,
      { ...wanted, headers: { 'user-agent': options.userAgent, ...headers } },
      { signal, timeoutMs: options.timeoutMs * TIMEOUTS_TO_THE_END, mostBytes },
    ).catch((error: unknown) => new NoAnswer(error));
    const load = loadOf(outcome, options.clock);
    pace.end(startedAt, signal.aborted ? { kind: 'unknown' } : load);
    return { startedAt, outcome, isFine: load.kind === 'fine' };
  }

  async function send(url: URL, wanted: HttpRequest): Promise<HttpResponse> {
    let patienceMs = LONGEST_PATIENCE_MS;
    let before: Attempt | undefined;
    for (let tries = 0; ; tries++) {
      const attempt = await once(url, wanted);
      const { outcome } = attempt;
      wanted.signal.throwIfAborted();
      if (before !== undefined && isServerError(before.outcome) && attempt.isFine) pace.wasOverloaded(before.startedAt);
      before = attempt;
      const mayRetry = tries < retriesFor(outcome, wanted.retries ?? options.retries, wanted.isVital === true);
      const delayMs = mayRetry ? delayBefore(tries, outcome, options.clock) : Number.POSITIVE_INFINITY;
      if (delayMs <= patienceMs) {
        patienceMs -= delayMs;
        await sleep(delayMs, undefined, { signal: wanted.signal });
      } else if (outcome instanceof NoAnswer) {
        const request = { method: wanted.method, headers: {} };
        throw new RegistryError('unreadable', `no response: ${outcome.reason}`, url, { cause: outcome.cause, request });
      } else {
        return outcome;
      }
    }
  }

  return {
    send,
    requestsCount: () => requestsCount,
    concurrency: pace.concurrency,
    close: () => connections.destroy(),
  };
}
