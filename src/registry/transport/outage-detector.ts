import { createSingleFlight } from '../../lib/single-flight.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient, HttpRequest } from './http-client.ts';
import { isTransient } from './retries.ts';
import type { HttpResponse } from './send-once.ts';

/** A registry that answers the probe and nothing else is not worth the hours that its timeouts would take. Errors come quickly, and may be many. */
const OUTAGE_AFTER_UNANSWERED = 50;
const PROBE_RETRIES = 1;

/**
 * Tells one question without an answer from a registry that is gone. A request that was given up is a failure of that question alone as
 * long as the registry answers `GET /v2/` with anything, a 401 included; otherwise a `RegistryError` of kind unavailable is thrown.
 */
export function detectOutages(http: HttpClient, registryUrl: URL): HttpClient {
  let unansweredInARow = 0;
  /** Many requests may be given up at once: one probe answers for all, and for none that is given up later. */
  const probe = createSingleFlight<void>(() => false);

  async function probeRegistry(signal: AbortSignal): Promise<void> {
    const url = new URL('v2/', registryUrl);
    const answer = await http
      .send(url, { method: 'GET', signal, retries: PROBE_RETRIES, isVital: true })
      .catch(asOutage);
    if (answer.status >= 500) throw new RegistryError('unavailable', `status ${answer.status}`, url, answer);
  }

  const throwIfGone = (signal: AbortSignal): Promise<void> => probe.ask(signal, probeRegistry);

  return {
    ...http,
    async send(url: URL, request: HttpRequest): Promise<HttpResponse> {
      try {
        const answer = await http.send(url, request);
        unansweredInARow = 0;
        if (isTransient(answer.status)) await throwIfGone(request.signal);
        return answer;
      } catch (error) {
        if (!(error instanceof RegistryError) || error.kind !== 'unreadable') throw error;
        if (++unansweredInARow >= OUTAGE_AFTER_UNANSWERED) {
          throw new RegistryError('unavailable', `no answer, as to ${unansweredInARow} requests in a row`, url);
        }
        await throwIfGone(request.signal);
        throw error;
      }
    },
  };
}

/** The failure of a question on which all others depend. */
export function asOutage(error: unknown): never {
  throw error instanceof RegistryError ? error.as('unavailable') : error;
}
