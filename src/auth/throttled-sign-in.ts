import { createFairQueue } from '../lib/fair-queue.ts';
import type { Clock, Credentials, Directory, SignIn, SignInResult } from '../ports.ts';
import { createSignInBackoff, FREE_PER_USER, type SignInBackoff } from './sign-in-backoff.ts';

export interface ThrottledSignInOptions {
  readonly directory: Directory;
  /** How many failures in an hour a client has before it must wait; 0 is no limit. */
  readonly failedSignIns: number;
  readonly steadyClock: Clock;
}

/* Each sign-in opens two connections to the directory. Below FREE_PER_USER, so that callers who wait in the queue are not refused as a crowd. */
const CONCURRENCY = FREE_PER_USER - 2;
const QUEUE_LENGTH = 128;

/** Limits how often a client may try wrong passwords, and how many sign-ins the directory has to check at once. */
export function createThrottledSignIn({ directory, failedSignIns, steadyClock }: ThrottledSignInOptions): SignIn {
  const backoff = failedSignIns === 0 ? NO_BACKOFF : createSignInBackoff(failedSignIns, steadyClock);
  const queue = createFairQueue({ concurrency: CONCURRENCY, queueLength: QUEUE_LENGTH });

  async function check({ user, password }: Credentials, client: string): Promise<SignInResult> {
    const retryAfterMs = backoff.begin(user, client);
    if (retryAfterMs > 0) return { status: 'throttled', retryAfterMs };
    let isSignedIn: boolean | undefined;
    try {
      const principal = await directory.authenticate(user, password);
      isSignedIn = principal !== undefined;
      return principal === undefined ? { status: 'refused' } : { status: 'signed-in', principal };
    } finally {
      backoff.end(user, client, isSignedIn);
    }
  }

  return {
    async signIn(credentials, client) {
      const retryAfterMs = backoff.waitMs(credentials.user, client);
      if (retryAfterMs > 0) return { status: 'throttled', retryAfterMs };
      if (!(await queue.enter(client))) return { status: 'busy' };
      try {
        return await check(credentials, client);
      } finally {
        queue.leave(client);
      }
    },
  };
}

const NO_BACKOFF: SignInBackoff = { waitMs: () => 0, begin: () => 0, end: () => undefined };
