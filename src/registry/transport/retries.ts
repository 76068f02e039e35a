import type { Clock } from '../../ports.ts';
import { LINK_LOCAL_CODE } from './link-local.ts';
import type { Load } from './request-pacing.ts';
import type { HttpResponse } from './send-once.ts';

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;

/** The network's refusal, as a value until it is clear that nobody tries again. */
export class NoAnswer {
  readonly cause: unknown;
  readonly reason: string;
  /** Whether it will be no other the next time: too large, not HTTP, or not to be asked. What breaks off in the middle is no such thing. */
  readonly isLasting: boolean;

  constructor(cause: unknown) {
    this.cause = cause;
    const { code, name, message } = cause as { code?: string; name?: string; message?: string };
    const proxyStatus = code !== undefined && OF_PROXIES.has(code) ? /\((\d{3})\)/.exec(message ?? '')?.[1] : undefined;
    this.reason =
      proxyStatus === undefined
        ? (code ?? message ?? 'unknown error')
        : `the proxy itself answered with status ${proxyStatus}`;
    const isNotHttp = name === 'HTTPParserError' && code !== 'HPE_INVALID_EOF_STATE';
    const isNotLetThrough = proxyStatus?.startsWith('4') === true && !isTransient(Number(proxyStatus));
    this.isLasting = isNotHttp || isNotLetThrough || LASTING.has(this.reason);
  }
}

/** The library gives the status only in the text, as `(407)`, where a proxy does not do what it is asked to. */
const OF_PROXIES: ReadonlySet<string> = new Set(['UND_ERR_ABORTED', 'UND_ERR_INVALID_ARG']);

export type Outcome = HttpResponse | NoAnswer;

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
export function retriesFor(outcome: Outcome, retries: number, isVital: boolean): number {
  if (outcome instanceof NoAnswer) {
    if (outcome.isLasting) return 0;
    return TIMEOUT.test(outcome.reason) && !isVital ? Math.min(1, retries) : retries;
  }
  if (!isTransient(outcome.status)) return 0;
  return isServerError(outcome) ? Math.min(1, retries) : retries;
}

/** A status that may be one broken tag's, and may be the whole server's. */
export function isServerError(outcome: Outcome): boolean {
  return !(outcome instanceof NoAnswer) && outcome.status === 500;
}

/**
 * What an outcome says of the server's load. A 500 says nothing yet: a registry answers so for a tag whose file is broken, however
 * little it has to do. One that is answered well when it is asked for again was no such thing; that is told afterwards.
 */
export function loadOf(outcome: Outcome, clock: Clock): Load {
  if (outcome instanceof NoAnswer) return { kind: outcome.isLasting ? 'unknown' : 'overloaded' };
  if (outcome.status === 429) return { kind: 'refused', askedMs: askedMs(outcome, clock) };
  if (isServerError(outcome)) return { kind: 'unknown' };
  return { kind: isTransient(outcome.status) ? 'overloaded' : 'fine' };
}

/** Milliseconds until the next try: what the server asks for, else doubling with full jitter. */
export function delayBefore(tries: number, outcome: Outcome, clock: Clock): number {
  const asked = askedMs(outcome, clock);
  if (asked !== undefined) return asked;
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/** `Retry-After` is seconds or an HTTP date (RFC 9110, 10.2.3). */
function askedMs(outcome: Outcome, clock: Clock): number | undefined {
  const value = outcome instanceof NoAnswer ? undefined : outcome.headers['retry-after'];
  const text = typeof value === 'string' ? value.trim() : undefined;
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock());
}
