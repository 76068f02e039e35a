import type { Credentials } from '../http/authorization.ts';
import { rateLimitKey } from '../http/client-address.ts';
import { createFairQueue } from '../lib/fair-queue.ts';
import type { Clock, Directory } from '../ports.ts';
import { createSignInBackoff, FREE_PER_USER, type SignInBackoff } from './sign-in-backoff.ts';

export interface ThrottledSignInOptions {
  readonly directory: Directory;
  /** How many failures in an hour an address has free; 0 is no limit. */
  readonly failedSignIns: number;
  readonly steadyClock: Clock;
}

/** Whether the directory knows them; or why it was not asked. */
export type SignIn = 'known' | 'unknown' | 'busy' | { readonly retryAfterMs: number };

/* Each is two connections to the directory. As long as no password was wrong, as many as that may try theirs at once. */
const MOST_AT_ONCE = FREE_PER_USER - 2;
const MOST_WAITING = 128;

/** Asks the directory who somebody is: not too often for those who guess, and not too much at once. Throws where it does not answer. */
export function createThrottledSignIn({ directory, failedSignIns, steadyClock }: ThrottledSignInOptions) {
  const limits = failedSignIns === 0 ? NO_LIMITS : createSignInBackoff(failedSignIns, steadyClock);
  const turnstile = createFairQueue({ concurrency: MOST_AT_ONCE, queueLength: MOST_WAITING });

  async function ask({ user, password }: Credentials, address: string): Promise<SignIn> {
    const retryAfterMs = limits.begin(user, address);
    if (retryAfterMs > 0) return { retryAfterMs };
    let wasRight: boolean | undefined;
    try {
      wasRight = await directory.authenticate(user, password);
      return wasRight ? 'known' : 'unknown';
    } finally {
      limits.ended(user, address, wasRight);
    }
  }

  return async function signIn(credentials: Credentials, address: string): Promise<SignIn> {
    const retryAfterMs = limits.waitMs(credentials.user, address);
    if (retryAfterMs > 0) return { retryAfterMs };
    const visitor = rateLimitKey(address);
    if (!(await turnstile.enter(visitor))) return 'busy';
    try {
      return await ask(credentials, address);
    } finally {
      turnstile.leave(visitor);
    }
  };
}

const NO_LIMITS: SignInBackoff = { waitMs: () => 0, begin: () => 0, ended: () => undefined };
