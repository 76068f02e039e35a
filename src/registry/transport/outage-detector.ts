import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient, HttpRequest } from './http-client.ts';
import { isTransient } from './retries.ts';
import type { HttpResponse } from './send-once.ts';

/** A registry that answers only the probe is not worth hours of timeouts. Errors arrive quickly, and are not limited. */
const OUTAGE_AFTER_UNANSWERED = 50;
const PROBE_RETRIES = 1;

/**
 * Distinguishes a single failed request from a registry that is down. As long as the registry answers `GET /v2/`, with any status but a server error,
 * only the failed request is affected; otherwise a `RegistryError` of kind unavailable is thrown.
 */
export function detectOutages(http: HttpClient, registryUrl: URL): HttpClient {
  let unansweredInARow = 0;
  /** Many requests may fail at once: one probe serves all of them, and later failures get a new one. */
  const probe = createSingleFlight<void>(() => false);

  async function probeRegistry(signal: AbortSignal): Promise<void> {
    const url = new URL('v2/', registryUrl);
    const answer = await http
      .send(url, { method: 'GET', signal, retries: PROBE_RETRIES, isVital: true })
      .catch(asOutage);
    if (answer.status >= 500) throw new RegistryError('unavailable', `status ${answer.status}`, url, answer);
  }

  const throwIfDown = (signal: AbortSignal): Promise<void> => probe.ask(signal, probeRegistry);

  return {
    ...http,
    async send(url: URL, request: HttpRequest): Promise<HttpResponse> {
      try {
        const answer = await http.send(url, request);
        unansweredInARow = 0;
        if (isTransient(answer.status)) await throwIfDown(request.signal);
        return answer;
      } catch (error) {
        if (!(error instanceof RegistryError) || error.kind !== 'unreadable') throw error;
        if (++unansweredInARow >= OUTAGE_AFTER_UNANSWERED) {
          throw new RegistryError('unavailable', `no response to ${unansweredInARow} requests in a row`, url);
        }
        await throwIfDown(request.signal);
        throw error;
      }
    },
  };
}

/** Turns the failure of a request on which all others depend into an outage. */
export function asOutage(error: unknown): never {
  throw error instanceof RegistryError ? error.as('unavailable') : error;
}
