import { ResultCodeError } from 'ldapts';

/** What the service was doing when an LDAP server failed. */
export type DirectoryStep = 'start_tls' | 'bind_dn' | 'search' | 'password';

export interface DirectoryFailure {
  readonly url: string;
  readonly step: DirectoryStep;
  readonly cause: unknown;
}

/**
 * No LDAP server could check a user. The message tells for each server what happened. It quotes no message of servers and libraries, which may
 * contain user names.
 */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';

  constructor(failures: readonly DirectoryFailure[]) {
    const perServer = failures.map((failure) => `${failure.url} ${describe(failure)}`);
    super(`no LDAP server could check the user: ${perServer.join('; ')}`, { cause: failures });
  }
}

function describe({ step, cause }: DirectoryFailure): string {
  if (!(cause instanceof Error)) return 'failed';
  if (cause instanceof ResultCodeError) {
    const result = `${cause.name.replace(/Error$/, '')}, LDAP result ${cause.code}`;
    return `${REFUSALS[step]} (${result})${HINTS[`${step} ${cause.code}`] ?? ''}`;
  }
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const [, description] = FAILURES.find(([pattern]) => pattern.test(code === '' ? message : code)) ?? [];
  return `${description ?? 'failed'}${code === '' ? '' : ` (${code})`}`;
}

const REFUSALS: Readonly<Record<DirectoryStep, string>> = {
  start_tls: 'refused StartTLS',
  bind_dn: 'refused the search account, bind_dn',
  search: 'refused the search for the user',
  password: 'could not check the password',
};

/** What the operator can do, by step and LDAP result. */
const HINTS: Readonly<Record<string, string>> = {
  'bind_dn 49': ': bind_dn or bind_password is wrong',
  'search 1': ': it may require bind_dn',
  'search 32': ': base_dn does not exist, or the search account may not see it',
  'search 50': ': allow bind_dn to search, or set bind_dn if it is not set',
};

/** By the code of a failure; by the message for failures of the library, which have no code. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/tim(?:e|ed ?)out/i, 'did not respond in time'],
  [/^ECONNREFUSED$/, 'refused the connection'],
  [/^(?:ENOTFOUND|EAI_)/, 'could not be found'],
  [/CERT|ISSUER|LEAF_SIGNATURE|HOSTNAME_MISMATCH/, 'has a certificate that is not trusted'],
  [/^(?:EPROTO|ERR_SSL_)/, 'does not support the TLS versions of the service'],
  [/^Connection closed|^Socket error|^E[A-Z]+$/, 'closed the connection or cannot be reached'],
];
