import { createPrioritySemaphore } from '../../lib/priority-semaphore.ts';
import type { SteadyClock } from '../../ports.ts';
import { RegistryError } from '../errors.ts';

/**
 * The way to the token service, for all crawls together. Whoever insists on credentials that it does not take is banned for a while,
 * and everybody at the same address, too: by GitLab after a few requests.
 */
export interface TokenGate {
  /** Asks for a token when it is its turn. A refusal of the credentials is the answer to all that would be asked in the next half minute. */
  ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T>;
}

const MOST_AT_ONCE = 4;
const REFUSED_FOR_MS = 30_000;

export function createTokenGate(steadyClock: SteadyClock): TokenGate {
  const slots = createPrioritySemaphore({
    waitMs: (inUse) => (inUse < MOST_AT_ONCE ? 0 : Number.POSITIVE_INFINITY),
    enter: () => undefined,
  });
  let last: { readonly refusal: RegistryError; readonly until: number } | undefined;

  return {
    async ask(signal, question) {
      await slots.acquire({ signal, isVital: true });
      try {
        if (last !== undefined && steadyClock() < last.until) throw last.refusal;
        return await question();
      } catch (error) {
        if (isRefusal(error) && error !== last?.refusal)
          last = { refusal: error, until: steadyClock() + REFUSED_FOR_MS };
        throw error;
      } finally {
        slots.release();
      }
    },
  };
}

/** What is refused to those without credentials is forbidden, and no refusal of credentials. */
function isRefusal(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryError && error.kind === 'unavailable' && (error.status === 401 || error.status === 403)
  );
}
