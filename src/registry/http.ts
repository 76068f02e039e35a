import { setTimeout as sleep } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { Agent } from 'undici';
import type { Clock } from '../ports.ts';
import { RegistryError } from './errors.ts';
import { exchange, type HttpAnswer } from './exchange.ts';
import { createSlots } from './slots.ts';

export interface HttpOptions {
  /** Requests in flight at most, per origin. */
  readonly connections: number;
  /** How long a server may take until its headers come, and between two pieces of a body. */
  readonly timeoutMs: number;
  /** Certificates in PEM to trust besides the well-known ones. */
  readonly ca?: string | undefined;
  readonly userAgent: string;
  /** How often a request that may work later is sent again. */
  readonly retries: number;
  readonly clock: Clock;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** A client that keeps its connections, waits when it is told to, and tries again what may work later. */
export interface HttpClient {
  /** The answer of any status that trying again does not change. Throws a `RegistryError` where there is none. */
  send(url: URL, request: HttpRequest): Promise<HttpAnswer>;
  /** How many requests went out, tries included. */
  requestsCount(): number;
  close(): Promise<void>;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** Longer than that nobody waits inside a crawl: the next one will come. */
const LONGEST_RETRY_AFTER_MS = 120_000;
const LARGEST_BODY_BYTES = 64 * 1024 * 1024;
/** So many requests given up in a row, with no answer between them, are an outage and not a few odd tags. */
const OUTAGE_AFTER_FAILURES = 8;

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
      ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
    },
  });
  const slots = createSlots(options.connections);
  let requestsCount = 0;
  let failuresInARow = 0;

  async function once(url: URL, { method, headers = {}, signal }: HttpRequest): Promise<HttpAnswer> {
    await slots.take();
    try {
      signal.throwIfAborted();
      requestsCount++;
      const wanted = { origin: url.origin, path: url.pathname + url.search, method };
      return await exchange(agent, { ...wanted, headers: { 'user-agent': options.userAgent, ...headers } }, signal);
    } finally {
      slots.give();
    }
  }

  async function send(url: URL, wanted: HttpRequest): Promise<HttpAnswer> {
    for (let tries = 0; ; tries++) {
      wanted.signal.throwIfAborted();
      const outcome = await once(url, wanted).catch((error: unknown) => new NoAnswer(error));
      wanted.signal.throwIfAborted();
      const mayRetry = tries < retriesFor(outcome, options.retries);
      const delayMs = mayRetry ? delayBefore(tries, outcome, options.clock) : undefined;
      if (delayMs !== undefined) {
        await sleep(delayMs, undefined, { signal: wanted.signal });
        continue;
      }
      if (outcome instanceof NoAnswer) {
        throw new RegistryError('unavailable', `no answer: ${outcome.reason}`, url, { cause: outcome.cause });
      }
      failuresInARow = isTransient(outcome.status) ? failuresInARow + 1 : 0;
      if (failuresInARow >= OUTAGE_AFTER_FAILURES) {
        throw new RegistryError('unavailable', `status ${outcome.status}, as before`, url, { status: outcome.status });
      }
      return outcome;
    }
  }

  return { send, requestsCount: () => requestsCount, close: () => agent.destroy() };
}

/** The network's refusal, as a value until it is clear that nobody tries again. */
class NoAnswer {
  readonly cause: unknown;
  readonly reason: string;

  constructor(cause: unknown) {
    this.cause = cause;
    const { code, message } = cause as { code?: string; message?: string };
    this.reason = code ?? message ?? 'unknown error';
  }
}

function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** A 500 may be a tag whose file is broken, and lasts: it gets one more try. The others say that they pass. */
function retriesFor(outcome: HttpAnswer | NoAnswer, retries: number): number {
  if (outcome instanceof NoAnswer) return retries;
  if (!isTransient(outcome.status) || outcome.status === 501) return 0;
  return outcome.status === 500 ? Math.min(1, retries) : retries;
}

/** Milliseconds until the next try: what the server asks for, else doubling with full jitter. Undefined where it asks for too long. */
function delayBefore(tries: number, outcome: HttpAnswer | NoAnswer, clock: Clock): number | undefined {
  const asked = outcome instanceof NoAnswer ? undefined : retryAfterMs(outcome.headers['retry-after'], clock);
  if (asked !== undefined) return asked > LONGEST_RETRY_AFTER_MS ? undefined : asked;
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
