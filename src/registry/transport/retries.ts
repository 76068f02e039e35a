import type { Clock } from '../../ports.ts';
import { LINK_LOCAL_CODE } from './link-local.ts';
import type { Load } from './request-pacing.ts';
import { requestedDelayMs } from './requested-delay.ts';
import type { HttpResponse } from './send-once.ts';

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** How often a request is repeated at once if the server says that it may be. */
const TRIES_WITHOUT_PAUSE = 3;

/** A network failure as a value, until it is clear that there is no retry. */
export class NoResponse {
  readonly cause: unknown;
  readonly reason: string;
  /** Whether a retry would fail the same way: a response too large, not HTTP, or a forbidden address. A broken connection is not such a failure. */
  readonly isLasting: boolean;

  constructor(cause: unknown) {
    this.cause = cause;
    const { code, name, message } = cause as { code?: string; name?: string; message?: string };
    const proxyStatus = code !== undefined && OF_PROXIES.has(code) ? /\((\d{3})\)/.exec(message ?? '')?.[1] : undefined;
    this.reason =
      proxyStatus === undefined
        ? (code ?? message ?? 'unknown error')
        : `the proxy itself answered with status ${proxyStatus}`;
    const isNotHttp =
      name === 'HTTPParserError' && code !== 'HPE_INVALID_EOF_STATE' && message?.includes(MISSING_CR) !== true;
    const isNotLetThrough = proxyStatus?.startsWith('4') === true && !isTransient(Number(proxyStatus));
    this.isLasting = isNotHttp || isNotLetThrough || LASTING.has(this.reason);
  }
}

/** Some front ends end the lines of an error with a line feed alone; a later response may be fine. */
const MISSING_CR = 'Missing expected CR';
/** If a proxy refuses a connection, the library gives the status only in its message, as `(407)`. */
const OF_PROXIES: ReadonlySet<string> = new Set(['UND_ERR_ABORTED', 'UND_ERR_INVALID_ARG']);

/** A request that is to be retried at most once is not worth waiting for the end of a limit. */
const LIMITED_RETRIES_FROM = 2;

export type Outcome = HttpResponse | NoResponse;

/** Returns whether a status means that the request may succeed later. */
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
 * Failures that may be permanent are retried once: a 500 may come from a broken tag, and a timeout from a request that takes too long; six of these
 * would occupy a connection for minutes. All other failures are temporary.
 */
export function retriesFor(outcome: Outcome, retries: number, isVital: boolean): number {
  if (outcome instanceof NoResponse) {
    if (outcome.isLasting) return 0;
    return TIMEOUT.test(outcome.reason) && !isVital ? Math.min(1, retries) : retries;
  }
  if (!isTransient(outcome.status)) return 0;
  // Not the number of attempts limits them, but the time (http-client.ts): a limit ends after a while.
  if (isLimited(outcome) && retries >= LIMITED_RETRIES_FROM) return Number.POSITIVE_INFINITY;
  return isServerError(outcome) ? Math.min(1, retries) : retries;
}

/** Returns whether a server asks for fewer requests. */
export function isLimited(outcome: Outcome): boolean {
  return !(outcome instanceof NoResponse) && outcome.status === 429;
}

/** Statuses that may concern one broken tag or the whole server. */
export function isServerError(outcome: Outcome): boolean {
  return !(outcome instanceof NoResponse) && outcome.status === 500;
}

/**
 * Returns what an outcome shows about the load of the server. A 500 shows nothing yet, because a registry also answers 500 for a broken tag. If a
 * retry succeeds, the 500 was a sign of overload; that is reported afterwards.
 */
export function loadOf(outcome: Outcome, clock: Clock): Load {
  if (outcome instanceof NoResponse) return { kind: outcome.isLasting ? 'unknown' : 'overloaded' };
  if (outcome.status === 429) return { kind: 'refused', askedMs: askedMs(outcome, clock) };
  if (isServerError(outcome)) return { kind: 'unknown' };
  return { kind: isTransient(outcome.status) ? 'overloaded' : 'fine' };
}

/** Returns the milliseconds until the next attempt: the server's wish, or exponential back-off with full jitter. */
export function delayBefore(tries: number, outcome: Outcome, clock: Clock): number {
  const asked = askedMs(outcome, clock);
  // A limit that still holds after its stated end must not be asked about again and again without a pause.
  if (asked !== undefined && (asked > 0 || !isLimited(outcome) || tries < TRIES_WITHOUT_PAUSE)) return asked;
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

function askedMs(outcome: Outcome, clock: Clock): number | undefined {
  return outcome instanceof NoResponse ? undefined : requestedDelayMs(outcome, clock());
}
