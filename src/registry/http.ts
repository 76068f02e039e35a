import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { Agent } from 'undici';
import type { Clock } from '../ports.ts';
import { RegistryError } from './errors.ts';
import { exchange, type HttpAnswer } from './exchange.ts';
import { LINK_LOCAL_CODE } from './link-local.ts';
import { createSlots } from './slots.ts';

export interface HttpOptions {
  /** Requests in flight at most, to the registry, the token service and blob stores together. */
  readonly connections: number;
  /** How long a server may take until its headers come, and between two pieces of a body. */
  readonly timeoutMs: number;
  /** Certificates in PEM to trust besides the well-known ones. */
  readonly ca?: string | undefined;
  /** How names become addresses; as everywhere by default. */
  readonly lookup?: LookupFunction;
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
  /** Whether nothing else works without an answer: then a timeout is tried again as often as any other failure. */
  readonly isVital?: true;
}

/** A client that keeps its connections, waits when it is told to, and tries again what may work later. */
export interface HttpClient {
  /** The answer of any status that trying again does not change. Throws a `RegistryError` of kind unreadable where there is none. */
  send(url: URL, request: HttpRequest): Promise<HttpAnswer>;
  /** How many requests went out, tries included. */
  requestsCount(): number;
  close(): Promise<void>;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** Longer than that nobody waits between the tries of one request: the next crawl will come. */
const LONGEST_PATIENCE_MS = 120_000;
/** Pieces may come slowly, but so many timeouts after it was asked for an answer has to be whole. */
const TIMEOUTS_TO_THE_END = 4;
const LARGEST_BODY_BYTES = 64 * 1024 * 1024;

export function createHttpClient(options: HttpOptions): HttpClient {
  const agent = new Agent({
    connections: options.connections,
    pipelining: 1,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    maxResponseSize: LARGEST_BODY_BYTES,
    // `ca` replaces the well-known certificates, so they are named with it.
    connect: {
      timeout: options.timeoutMs,
      ...(options.lookup && { lookup: options.lookup }),
      ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
    },
  });
  const slots = createSlots(options.connections);
  let requestsCount = 0;

  async function once(url: URL, { method, headers = {}, signal }: HttpRequest): Promise<HttpAnswer> {
    await slots.take();
    try {
      signal.throwIfAborted();
      requestsCount++;
      const wanted = { origin: url.origin, path: url.pathname + url.search, method };
      const request = { ...wanted, headers: { 'user-agent': options.userAgent, ...headers } };
      return await exchange(agent, request, { signal, timeoutMs: options.timeoutMs * TIMEOUTS_TO_THE_END });
    } finally {
      slots.give();
    }
  }

  async function send(url: URL, wanted: HttpRequest): Promise<HttpAnswer> {
    let patienceMs = LONGEST_PATIENCE_MS;
    for (let tries = 0; ; tries++) {
      wanted.signal.throwIfAborted();
      const outcome = await once(url, wanted).catch((error: unknown) => new NoAnswer(error));
      wanted.signal.throwIfAborted();
      const mayRetry = tries < retriesFor(outcome, wanted.retries ?? options.retries, wanted.isVital === true);
      const delayMs = mayRetry ? delayBefore(tries, outcome, options.clock) : Number.POSITIVE_INFINITY;
      if (delayMs <= patienceMs) {
        patienceMs -= delayMs;
        await sleep(delayMs, undefined, { signal: wanted.signal });
      } else if (outcome instanceof NoAnswer) {
        throw new RegistryError('unreadable', `no answer: ${outcome.reason}`, url, { cause: outcome.cause });
      } else {
        return outcome;
      }
    }
  }

  return { send, requestsCount: () => requestsCount, close: () => agent.destroy() };
}

/** The network's refusal, as a value until it is clear that nobody tries again. */
class NoAnswer {
  readonly cause: unknown;
  readonly reason: string;
  /** Whether it will be no other the next time: too large, not HTTP, or not to be asked. What breaks off in the middle is no such thing. */
  readonly isLasting: boolean;

  constructor(cause: unknown) {
    this.cause = cause;
    const { code, name, message } = cause as { code?: string; name?: string; message?: string };
    this.reason = code ?? message ?? 'unknown error';
    const isNotHttp = name === 'HTTPParserError' && code !== 'HPE_INVALID_EOF_STATE';
    this.isLasting = isNotHttp || LASTING.has(this.reason);
  }
}

/** Whether a status says that the request was not answered now, and may be later. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

const LASTING: ReadonlySet<string> = new Set([
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_HEADERS_OVERFLOW',
  LINK_LOCAL_CODE,
]);
const TIMEOUT = /_TIMEOUT$/;

/**
 * What lasts is not asked again, and what may last, once: a 500 may be a tag whose file is broken, a timeout one that takes too long,
 * and six of those would hold a connection for minutes. The rest says that it passes.
 */
function retriesFor(outcome: HttpAnswer | NoAnswer, retries: number, isVital: boolean): number {
  if (outcome instanceof NoAnswer) {
    if (outcome.isLasting) return 0;
    return TIMEOUT.test(outcome.reason) && !isVital ? Math.min(1, retries) : retries;
  }
  if (!isTransient(outcome.status)) return 0;
  return outcome.status === 500 ? Math.min(1, retries) : retries;
}

/** Milliseconds until the next try: what the server asks for, else doubling with full jitter. */
function delayBefore(tries: number, outcome: HttpAnswer | NoAnswer, clock: Clock): number {
  const asked = outcome instanceof NoAnswer ? undefined : retryAfterMs(outcome.headers['retry-after'], clock);
  if (asked !== undefined) return asked;
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/** `Retry-After` is seconds or an HTTP date (RFC 9110, 10.2.3). */
function retryAfterMs(value: string | string[] | undefined, clock: Clock): number | undefined {
  const text = typeof value === 'string' ? value.trim() : undefined;
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock());
}
