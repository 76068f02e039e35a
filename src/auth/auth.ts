import type { Clock, Directory, SessionTokens, SignIn } from '../ports.ts';
import { createAccounts } from './accounts.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { createLdapDirectory, type LdapOptions } from './ldap-directory.ts';
import { createPasswordChecker } from './password-checker.ts';
import { createReloadedFile, type FileReport, type ReloadedFile, type ReloadedFileOptions } from './reloaded-file.ts';
import { parseRevokedTokens, revokedUntil } from './revoked-tokens.ts';
import { createSignIn, type SignInMethod, type SignInReport } from './sign-in.ts';
import { createThrottledSignIn } from './throttled-sign-in.ts';
import { createTokens, type TokenOptions } from './tokens.ts';

export interface AuthOptions {
  /** In the order in which they are asked. */
  readonly methods: readonly ('ldap' | 'htpasswd')[];
  /** Defined if `ldap` is one of the methods. */
  readonly ldap: LdapOptions | undefined;
  /** Defined if `htpasswd` is one of the methods. */
  readonly htpasswdFile: string | undefined;
  /** The file that lists whose tokens were revoked. */
  readonly notBeforeFile: string | undefined;
  /** How many failures in an hour a client has before it must wait; 0 is no limit. */
  readonly failedSignIns: number;
  readonly tokens: Omit<TokenOptions, 'revokedUntil'>;
  readonly steadyClock: Clock;
  readonly report: AuthReport;
}

export type AuthReport = SignInReport & FileReport;

/** Decides who may sign in, and issues and verifies the tokens of users who have signed in. */
export interface Auth {
  readonly signIn: SignIn;
  readonly tokens: SessionTokens;
  /** Watches the files for changes, until `stop`. */
  start(): void;
  stop(): Promise<void>;
}

/** Throws an `AccountsFileError` if a file cannot be read or parsed. */
export function createAuth(options: AuthOptions): Auth {
  const { ldap, htpasswdFile, notBeforeFile, report } = options;
  const checker = createPasswordChecker();
  const accounts = openFile(htpasswdFile, { ...HTPASSWD, report });
  const revoked = openFile(notBeforeFile, { ...NOT_BEFORE, report });
  const methods = {
    ldap: ldap && ldapMethod(createLdapDirectory(ldap)),
    htpasswd: accounts && createAccounts(accounts.current, checker),
  };
  const directory = createSignIn(
    options.methods.flatMap((name) => methods[name] ?? []),
    report,
  );
  return {
    signIn: createThrottledSignIn({ ...options, directory }),
    tokens: createTokens({
      ...options.tokens,
      ...(revoked && { revokedUntil: (user: string) => revokedUntil(revoked.current(), user) }),
    }),
    start() {
      accounts?.start();
      revoked?.start();
    },
    async stop() {
      accounts?.stop();
      revoked?.stop();
      await checker.stop();
    },
  };
}

/** Other users must not read the password hashes, and must not write: a writer could add accounts. */
const HTPASSWD = { setting: '[auth] htpasswd_file', parse: parseHtpasswd, exposingMode: 0o026 };
const NOT_BEFORE = { setting: '[auth] not_before_file', parse: parseRevokedTokens, exposingMode: 0o022 };

function openFile<T>(
  path: string | undefined,
  options: Omit<ReloadedFileOptions<T>, 'path'>,
): ReloadedFile<T> | undefined {
  return path === undefined ? undefined : createReloadedFile({ ...options, path });
}

/** An LDAP server does not tell an unknown user from a wrong password. */
function ldapMethod({ authenticate }: Directory): SignInMethod {
  return { name: 'ldap', check: async (user, password) => (await authenticate(user, password)) ?? 'unknown' };
}
