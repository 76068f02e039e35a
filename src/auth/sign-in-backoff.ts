import { hash } from 'node:crypto';
import { likeness } from '../domain/user-name.ts';
import { rateLimitKey } from '../http/client-address.ts';
import { createDecayingCounter, type Patience, waitMs } from './decaying-counter.ts';

/* Who has to wait before another password is tried:
 *
 *   address           has failed too often, for whatever users         a success does not excuse it: the guesser has an account, too
 *   user at address   has failed too often                             a success does
 *   user              has failed too often, from whatever addresses    nobody waits for that alone, or anyone could lock anyone out; but
 *                                                                      an address that has failed for that user then waits at once, and longer
 *
 * Nobody asks whether there is such a user: those that there are not wait as well. */

export interface SignInBackoff {
  /** How long that user has to wait at that address; 0 where the password may be tried. */
  waitMs(user: string, address: string): number;
  /** As `waitMs`, and where it is 0, the password is about to be tried: until `ended`, that counts as if it had failed. */
  begin(user: string, address: string): number;
  /** `undefined`: nobody could tell. */
  ended(user: string, address: string, wasRight: boolean | undefined): void;
}

/** At most so many are tried at once for whoever has not failed yet. */
export const FREE_PER_USER = 10;
/** A name that was wrong so often lately is being guessed at from many addresses: from one alone that takes hours. */
const GUESSED_AT = 50;
const FIRST_WAIT_MS = 1000;
const GUESSED_AT_PATIENCE: Patience = { free: 1, firstWaitMs: 60_000 };

interface Keys {
  readonly user: string;
  readonly address: string;
  readonly both: string;
}

/** @param freePerAddress how many failures in an hour an address has free, for all users together */
export function createSignInBackoff(freePerAddress: number, now: () => number): SignInBackoff {
  const [users, addresses, both] = [createDecayingCounter(), createDecayingCounter(), createDecayingCounter()];
  const inFlight = new Map<string, number>();
  const addressPatience: Patience = { free: freePerAddress, firstWaitMs: FIRST_WAIT_MS };
  const userPatience: Patience = { free: Math.min(FREE_PER_USER, freePerAddress), firstWaitMs: FIRST_WAIT_MS };

  function waitOf(keys: Keys): number {
    const patience = users.count(keys.user, now()) >= GUESSED_AT ? GUESSED_AT_PATIENCE : userPatience;
    return Math.max(
      waitMs(addresses.last(keys.address), addressPatience, now()),
      waitMs(both.last(keys.both), patience, now()),
    );
  }

  /** Whether so many at once are too many, if each of them is wrong. */
  function isCrowded(keys: Keys): boolean {
    const crowd = (key: string, failed: number): number => {
      const tried = inFlight.get(key) ?? 0;
      return tried === 0 ? 0 : tried + failed;
    };
    return (
      crowd(keys.address, addresses.count(keys.address, now())) >= addressPatience.free ||
      crowd(keys.both, both.count(keys.both, now())) >= userPatience.free
    );
  }

  function count({ address, both: pair }: Keys, change: 1 | -1): void {
    for (const key of [address, pair]) {
      const tried = (inFlight.get(key) ?? 0) + change;
      if (tried === 0) inFlight.delete(key);
      else inFlight.set(key, tried);
    }
  }

  return {
    waitMs: (user, address) => waitOf(keysOf(user, address)),
    begin(user, address) {
      const keys = keysOf(user, address);
      const wait = waitOf(keys);
      if (wait > 0) return wait;
      if (isCrowded(keys)) return FIRST_WAIT_MS;
      count(keys, 1);
      return 0;
    },
    ended(user, address, wasRight) {
      const keys = keysOf(user, address);
      count(keys, -1);
      if (wasRight === true) both.forget(keys.both);
      if (wasRight !== false) return;
      users.add(keys.user, now());
      addresses.add(keys.address, now());
      both.add(keys.both, now());
    },
  };
}

/** A name may be long, and is nobody's business here. Every spelling by which a directory finds one user would be another one to guess with. */
function keysOf(user: string, address: string): Keys {
  const userKey = hash('sha256', likeness(user), 'base64');
  const addressKey = rateLimitKey(address);
  return { user: userKey, address: addressKey, both: `${userKey} ${addressKey}` };
}
