import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, HeldUp } from '../../ports.ts';
import { RegistryError } from '../errors.ts';
import { type ConnectionOptions, createConnections } from './connections.ts';
import { createHeldUpTracker } from './held-up.ts';
import { createRequestPacing, type RequestPacingOptions } from './request-pacing.ts';
import { delayBefore, isLimited, isServerError, loadOf, NoResponse, type Outcome, retriesFor } from './retries.ts';
import { type HttpResponse, sendOnce } from './send-once.ts';

/** Pacing and connections are shared by all requests: to the registry, the token service and blob stores. */
export interface HttpOptions extends RequestPacingOptions, ConnectionOptions {
  readonly userAgent: string;
  /** How often a request that may succeed later is repeated. */
  readonly retries: number;
  readonly clock: Clock;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** The largest number of retries of this request; by default that of the client. */
  readonly retries?: number;
  /** Whether all other requests depend on this one: then it is sent before them, and retried after a timeout as often as after other failures. */
  readonly isVital?: true;
  /** If the body is longer, reading stops and the response says so. */
  readonly mostBytes?: number;
}

/** Keeps connections, sends no more requests than the servers can handle, pauses on request, and retries what may succeed later. */
export interface HttpClient {
  /**
   * Returns the response, if retries do not change its status. Throws a `RegistryError`: unreadable if there is none, unavailable if the server refuses
   * all requests as too many for a long time.
   */
  send(url: URL, request: HttpRequest): Promise<HttpResponse>;
  /** The number of requests, retries included. */
  requestsCount(): number;
  /** The current limit of concurrent requests. */
  concurrency(): number;
  /** Since when and until when servers hold up all requests; undefined while requests succeed. */
  heldUp(): HeldUp | undefined;
  close(): Promise<void>;
}

/** The longest wait for the retries of one request; after that, the next crawl will try again. */
const LONGEST_PATIENCE_MS = 120_000;
/** The same if the server answers that there are too many requests: such a limit ends, and the crawl shows that it waits. */
const LONGEST_PATIENCE_WITH_LIMITS_MS = 600_000;
/** A body may arrive slowly, but must be complete within this many timeouts. */
const TIMEOUTS_TO_THE_END = 4;

/** One attempt to send a request. */
interface Attempt {
  /** By the steady clock. */
  readonly startedAt: number;
  readonly outcome: Outcome;
  readonly isFine: boolean;
}

export function createHttpClient(options: HttpOptions): HttpClient {
  const { clock, steadyClock, userAgent, timeoutMs } = options;
  const connections = createConnections(options, options.concurrencyMax);
  const pacing = createRequestPacing(options);
  const heldUp = createHeldUpTracker();
  let requestsCount = 0;

  async function once(url: URL, request: HttpRequest): Promise<Attempt> {
    const { method, headers = {}, signal, isVital = false, mostBytes } = request;
    const startedAt = await pacing.begin({ signal, isVital });
    requestsCount++;
    // `reset: false`, because the library otherwise closes the connection after a HEAD, and most requests of later crawls are HEADs.
    const wanted = { origin: url.origin, path: url.pathname + url.search, method, reset: false };
    const outcome = await sendOnce(
      connections,
      { ...wanted, headers: { 'user-agent': userAgent, ...headers } },
      { signal, timeoutMs: timeoutMs * TIMEOUTS_TO_THE_END, mostBytes },
    ).catch((error: unknown) => new NoResponse(error));
    const load = loadOf(outcome, clock);
    pacing.end(startedAt, signal.aborted ? { kind: 'unknown' } : load);
    const isFine = load.kind === 'fine';
    // Servers may limit the other requests only: what a vital one succeeds at does not show that these succeed too.
    if (isFine && !isVital) heldUp.answered(startedAt);
    return { startedAt, outcome, isFine };
  }

  async function send(url: URL, wanted: HttpRequest): Promise<HttpResponse> {
    let waitedMs = 0;
    let before: Attempt | undefined;
    for (let tries = 0; ; tries++) {
      const attempt = await once(url, wanted);
      const { outcome } = attempt;
      wanted.signal.throwIfAborted();
      if (before !== undefined && isServerError(before.outcome) && attempt.isFine)
        pacing.reportOverload(before.startedAt);
      before = attempt;
      const mayRetry = tries < retriesFor(outcome, wanted.retries ?? options.retries, wanted.isVital === true);
      const delayMs = mayRetry ? delayBefore(tries, outcome, clock) : Number.POSITIVE_INFINITY;
      const patienceMs = isLimited(outcome) ? LONGEST_PATIENCE_WITH_LIMITS_MS : LONGEST_PATIENCE_MS;
      const isPatient = waitedMs + delayMs <= patienceMs;
      if (isLimited(outcome)) heldUp.refused(steadyClock(), isPatient ? delayMs : 0);
      if (!isPatient) return end(url, wanted, outcome, mayRetry && heldUp.isOfAll());
      waitedMs += delayMs;
      await sleep(delayMs, undefined, { signal: wanted.signal });
    }
  }

  return {
    send,
    requestsCount: () => requestsCount,
    concurrency: pacing.concurrency,
    heldUp: () => heldUp.current(clock() - steadyClock()),
    close: () => connections.destroy(),
  };
}

/** Returns the response of the last attempt. Throws if there is none, or if the server refuses all requests as too many. */
function end(url: URL, { method }: HttpRequest, outcome: Outcome, isHeldUp: boolean): HttpResponse {
  if (outcome instanceof NoResponse) {
    const request = { method, headers: {} };
    throw new RegistryError('unreadable', `no response: ${outcome.reason}`, url, { cause: outcome.cause, request });
  }
  // Otherwise each of the other requests would fail for the same reason, and leave a gap.
  if (isHeldUp && isLimited(outcome)) throw new RegistryError('unavailable', TOO_MANY, url, outcome);
  return outcome;
}

const TOO_MANY = 'the server refuses all requests as too many, and that lasts for more than ten minutes';
