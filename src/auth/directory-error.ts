import { ResultCodeError } from 'ldapts';

/** What was asked of a directory server when it failed. */
export type DirectoryStep = 'start_tls' | 'bind_dn' | 'search' | 'password';

/** Where a directory server failed. */
export interface DirectoryFailure {
  readonly url: string;
  readonly step: DirectoryStep;
  readonly cause: unknown;
}

/**
 * No directory server could tell who somebody is. The message says of each what happened, in words of ours: those of servers and
 * libraries may name users.
 */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';

  constructor(failures: readonly DirectoryFailure[]) {
    const told = failures.map((failure) => `${failure.url} ${whatHappened(failure)}`);
    super(`no directory server can tell: ${told.join('; ')}`, { cause: failures });
  }
}

function whatHappened({ step, cause }: DirectoryFailure): string {
  if (!(cause instanceof Error)) return 'failed';
  if (cause instanceof ResultCodeError) {
    const result = `${cause.name.replace(/Error$/, '')}, LDAP result ${cause.code}`;
    return `${REFUSALS[step]} (${result})${HINTS[`${step} ${cause.code}`] ?? ''}`;
  }
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const [, words] = FAILURES.find(([pattern]) => pattern.test(code === '' ? message : code)) ?? [];
  return `${words ?? 'failed'}${code === '' ? '' : ` (${code})`}`;
}

const REFUSALS: Readonly<Record<DirectoryStep, string>> = {
  start_tls: 'refuses StartTLS',
  bind_dn: 'refuses the account that searches, bind_dn',
  search: 'refuses the search for users',
  password: 'cannot check passwords',
};

/** What an operator can do about it. */
const HINTS: Readonly<Record<string, string>> = {
  'bind_dn 49': ': bind_dn or bind_password is wrong',
  'search 1': ': perhaps it wants a bind_dn',
  'search 32': ': base_dn is not there, or not to be seen by the account that searches',
  'search 50': ': it lets bind_dn, or everyone where none is set, not search',
};

/** By the code of a failure, or by the message of the library's own, which has none. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/tim(?:e|ed ?)out/i, 'gave no answer in time'],
  [/^ECONNREFUSED$/, 'refuses the connection'],
  [/^(?:ENOTFOUND|EAI_)/, 'is no host that can be found'],
  [/CERT|ISSUER|LEAF_SIGNATURE|HOSTNAME_MISMATCH/, 'shows a certificate that is not accepted'],
  [/^(?:EPROTO|ERR_SSL_)/, 'does not speak TLS as we do'],
  [/^Connection closed|^Socket error|^E[A-Z]+$/, 'closed the connection or cannot be reached'],
];
