import { RegistryError } from './errors.ts';
import type { HttpAnswer } from './exchange.ts';
import { type HttpClient, type HttpRequest, isTransient } from './http.ts';

/** A registry that answers the probe and nothing else is not worth the hours that its timeouts would take. */
const OUTAGE_AFTER_IN_A_ROW = 50;
const PROBE_RETRIES = 1;

/**
 * Tells one question without an answer from a registry that is gone. A request that was given up is a failure of that question alone as
 * long as the registry answers `GET /v2/` with anything, a 401 included; otherwise a `RegistryError` of kind unavailable is thrown.
 */
export function tellOutages(http: HttpClient, registryUrl: URL): HttpClient {
  let givenUpInARow = 0;
  let probe: Promise<void> | undefined;

  async function probeRegistry(signal: AbortSignal): Promise<void> {
    const url = new URL('v2/', registryUrl);
    const answer = await http.send(url, { method: 'GET', signal, retries: PROBE_RETRIES }).catch(asOutage);
    if (answer.status >= 500) throw new RegistryError('unavailable', `status ${answer.status}`, url, answer);
  }

  /** Many requests may be given up at once: one probe answers for all. */
  async function throwIfGone(url: URL, signal: AbortSignal): Promise<void> {
    if (++givenUpInARow >= OUTAGE_AFTER_IN_A_ROW) {
      throw new RegistryError('unavailable', `no answer, as to ${givenUpInARow} requests in a row`, url);
    }
    probe ??= probeRegistry(signal).finally(() => {
      probe = undefined;
    });
    await probe;
  }

  return {
    ...http,
    async send(url: URL, request: HttpRequest): Promise<HttpAnswer> {
      try {
        const answer = await http.send(url, request);
        if (isTransient(answer.status)) await throwIfGone(url, request.signal);
        else givenUpInARow = 0;
        return answer;
      } catch (error) {
        if (error instanceof RegistryError && error.kind === 'unreadable') await throwIfGone(url, request.signal);
        throw error;
      }
    },
  };
}

/** The failure of a question on which all others depend. */
export function asOutage(error: unknown): never {
  throw error instanceof RegistryError ? error.as('unavailable') : error;
}
