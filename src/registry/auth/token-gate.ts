import { createPrioritySemaphore } from '../../lib/priority-semaphore.ts';
import type { SteadyClock } from '../../ports.ts';
import { RegistryError } from '../errors.ts';

/**
 * Limits requests to the token service, for all crawls together. A token service may ban an address that repeats wrong credentials, and with it every
 * other client at that address; GitLab does after a few requests.
 */
export interface TokenGate {
  /** Runs `question` when its turn comes. If the credentials are refused, all requests of the next half minute get that refusal. */
  ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T>;
}

const MOST_AT_ONCE = 4;
const REFUSED_FOR_MS = 30_000;

export function createTokenGate(steadyClock: SteadyClock): TokenGate {
  const semaphore = createPrioritySemaphore({
    waitMs: (inUse) => (inUse < MOST_AT_ONCE ? 0 : Number.POSITIVE_INFINITY),
    enter: () => undefined,
  });
  let last: { readonly refusal: RegistryError; readonly until: number } | undefined;

  return {
    async ask(signal, question) {
      await semaphore.acquire({ signal, isVital: true });
      try {
        if (last !== undefined && steadyClock() < last.until) throw last.refusal;
        return await question();
      } catch (error) {
        if (isRefusal(error) && error !== last?.refusal)
          last = { refusal: error, until: steadyClock() + REFUSED_FOR_MS };
        throw error;
      } finally {
        semaphore.release();
      }
    },
  };
}

/** A refusal of an anonymous request is of kind forbidden; it is not a refusal of credentials. */
function isRefusal(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryError && error.kind === 'unavailable' && (error.status === 401 || error.status === 403)
  );
}
