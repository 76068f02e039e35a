import { hash, randomBytes } from 'node:crypto';
import type { Accounts } from './htpasswd.ts';
import type { PasswordChecker } from './password-checker.ts';
import type { SignInMethod } from './sign-in.ts';

/** Lets the accounts of an htpasswd file sign in. Such a file knows no groups. */
export function createAccounts(accounts: () => Accounts, { matches }: Pick<PasswordChecker, 'matches'>): SignInMethod {
  const seed = randomBytes(16).toString('hex');
  return {
    name: 'htpasswd',
    async check(user, password) {
      const own = accounts().get(user);
      // For an unknown user the password is compared with the hash of another account, so that the time does not tell that the user is unknown.
      const other = substitute(`${seed} ${user}`, accounts());
      if (other === undefined) return 'unknown';
      const isMatch = await matches(password, own ?? other);
      if (own === undefined) return 'unknown';
      return isMatch ? { name: user, groups: [] } : 'wrong';
    },
  };
}

/** Returns always the same hash for a name. Different names get different hashes, so their costs are distributed as those of the accounts are. */
function substitute(name: string, accounts: Accounts): string | undefined {
  const hashes = [...accounts.values()];
  return hashes[hash('sha256', name, 'buffer').readUInt32BE(0) % hashes.length];
}
