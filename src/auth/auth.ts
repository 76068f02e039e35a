import type { Directory } from '../ports.ts';
import { createAccounts } from './accounts.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { createLdapDirectory, type LdapOptions } from './ldap-directory.ts';
import { createPasswordChecker } from './password-checker.ts';
import { createReloadedFile, type FileReport, type ReloadedFile, type ReloadedFileOptions } from './reloaded-file.ts';
import { endedAt, parseRevokedTokens } from './revoked-tokens.ts';
import { createSignIn, type Method, type SignInReport } from './sign-in.ts';
import { createTokens, type TokenOptions, type Tokens } from './tokens.ts';

export interface AuthOptions {
  /** In the order of asking. */
  readonly methods: readonly ('ldap' | 'htpasswd')[];
  /** Defined where `ldap` is one of the methods. */
  readonly ldap: LdapOptions | undefined;
  /** Defined where `htpasswd` is one of them. */
  readonly htpasswdFile: string | undefined;
  /** Whose tokens were ended before their time. */
  readonly notBeforeFile: string | undefined;
  readonly tokens: Omit<TokenOptions, 'endedAt'>;
  readonly report: AuthReport;
}

export type AuthReport = SignInReport & FileReport;

/** Who may sign in, and what stands for them afterwards. */
export interface Auth {
  readonly directory: Directory;
  readonly tokens: Tokens;
  /** Looks after the files, until `stop`. */
  start(): void;
  stop(): Promise<void>;
}

/** Throws an `AccountsFileError` where one of the files is not right. */
export function createAuth(options: AuthOptions): Auth {
  const { ldap, htpasswdFile, notBeforeFile, report } = options;
  const checker = createPasswordChecker();
  const accounts = watched(htpasswdFile, { ...HTPASSWD, report });
  const ended = watched(notBeforeFile, { ...NOT_BEFORE, report });
  const known = {
    ldap: ldap && inDirectory(createLdapDirectory(ldap)),
    htpasswd: accounts && createAccounts(accounts.current, checker),
  };
  return {
    directory: createSignIn(
      options.methods.flatMap((name) => known[name] ?? []),
      report,
    ),
    tokens: createTokens({
      ...options.tokens,
      ...(ended && { endedAt: (user: string) => endedAt(ended.current(), user) }),
    }),
    start() {
      accounts?.start();
      ended?.start();
    },
    async stop() {
      accounts?.stop();
      ended?.stop();
      await checker.stop();
    },
  };
}

/** Hashes are for nobody's eyes, and who may write there may sign in. */
const HTPASSWD = { setting: '[auth] htpasswd_file', parse: parseHtpasswd, exposingMode: 0o026 };
const NOT_BEFORE = { setting: '[auth] not_before_file', parse: parseRevokedTokens, exposingMode: 0o022 };

function watched<T>(
  path: string | undefined,
  options: Omit<ReloadedFileOptions<T>, 'path'>,
): ReloadedFile<T> | undefined {
  return path === undefined ? undefined : createReloadedFile({ ...options, path });
}

/** A directory does not tell who is nobody from who has forgotten the password. */
function inDirectory({ authenticate }: Directory): Method {
  return {
    name: 'ldap',
    ask: async (user, password) => ((await authenticate(user, password)) ? 'right' : 'unknown'),
  };
}
