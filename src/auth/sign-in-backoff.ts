import { hash } from 'node:crypto';
import { normalizeUserName } from '../domain/user-name.ts';
import { createDecayingCounter, type Patience, waitMs } from './decaying-counter.ts';

/* The reasons to make a sign-in wait before the password is checked:
 *
 *   client              too many failures, for any users          a success does not reset it: an attacker may have an account too
 *   user at a client    too many failures                         a success resets it
 *   user                too many failures, from any clients       alone no reason, or anyone could lock out any user; but a client that
 *                                                                 has failed for this user then waits after the first failure, and longer
 *
 * The rules are the same for users that do not exist: the wait must not tell whether a user exists. */

export interface SignInBackoff {
  /** Returns how long the user must wait at that client; 0 if the password may be checked now. */
  waitMs(user: string, client: string): number;
  /** As `waitMs`. If it returns 0, the caller checks the password and must call `end`: until then, the attempt counts as a failure. */
  begin(user: string, client: string): number;
  /** @param isSignedIn undefined if the directory gave no answer */
  end(user: string, client: string, isSignedIn: boolean | undefined): void;
}

/** How many failures a user has at a client before waiting, and how many attempts may run at once. */
export const FREE_PER_USER = 10;
/** From this many recent failures on, a user is under attack from many clients: a single client would need hours for them. */
const FAILURES_OF_ATTACK = 50;
const FIRST_WAIT_MS = 1000;
const PATIENCE_UNDER_ATTACK: Patience = { free: 1, firstWaitMs: 60_000 };

interface Keys {
  readonly user: string;
  readonly client: string;
  readonly both: string;
}

/** @param freePerClient how many failures in an hour a client has before waiting, for all users together */
export function createSignInBackoff(freePerClient: number, now: () => number): SignInBackoff {
  const [users, clients, pairs] = [createDecayingCounter(), createDecayingCounter(), createDecayingCounter()];
  const runningCounts = new Map<string, number>();
  const clientPatience: Patience = { free: freePerClient, firstWaitMs: FIRST_WAIT_MS };
  const userPatience: Patience = { free: Math.min(FREE_PER_USER, freePerClient), firstWaitMs: FIRST_WAIT_MS };

  function waitOf(keys: Keys): number {
    const patience = users.count(keys.user, now()) >= FAILURES_OF_ATTACK ? PATIENCE_UNDER_ATTACK : userPatience;
    return Math.max(
      waitMs(clients.last(keys.client), clientPatience, now()),
      waitMs(pairs.last(keys.both), patience, now()),
    );
  }

  /** Whether the running attempts would be too many if each of them failed. */
  function isCrowded(keys: Keys): boolean {
    const failuresAtWorst = (key: string, failures: number): number => {
      const running = runningCounts.get(key) ?? 0;
      return running === 0 ? 0 : running + failures;
    };
    return (
      failuresAtWorst(keys.client, clients.count(keys.client, now())) >= clientPatience.free ||
      failuresAtWorst(keys.both, pairs.count(keys.both, now())) >= userPatience.free
    );
  }

  function addRunning({ client, both }: Keys, change: 1 | -1): void {
    for (const key of [client, both]) {
      const running = (runningCounts.get(key) ?? 0) + change;
      if (running === 0) runningCounts.delete(key);
      else runningCounts.set(key, running);
    }
  }

  return {
    waitMs: (user, client) => waitOf(keysOf(user, client)),
    begin(user, client) {
      const keys = keysOf(user, client);
      const wait = waitOf(keys);
      if (wait > 0) return wait;
      if (isCrowded(keys)) return FIRST_WAIT_MS;
      addRunning(keys, 1);
      return 0;
    },
    end(user, client, isSignedIn) {
      const keys = keysOf(user, client);
      addRunning(keys, -1);
      if (isSignedIn === true) pairs.forget(keys.both);
      if (isSignedIn !== false) return;
      users.add(keys.user, now());
      clients.add(keys.client, now());
      pairs.add(keys.both, now());
    },
  };
}

/** Names are hashed, since they may be long. All spellings that a directory takes for one user share a key, or each would allow further guesses. */
function keysOf(user: string, client: string): Keys {
  const userKey = hash('sha256', normalizeUserName(user), 'base64');
  return { user: userKey, client, both: `${userKey} ${client}` };
}
