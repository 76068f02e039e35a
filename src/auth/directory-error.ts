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
  'search 8': ': it requires a stronger authentication: use ldaps:// or start_tls, and set bind_dn',
  'search 10': ': it refers to another server: set host to that server, or base_dn to a part that this one holds',
  'search 32': ': base_dn does not exist, or the search account may not see it',
  'search 48': ': it does not allow anonymous access: set bind_dn and bind_password',
  'search 53': ': it does not serve this search as it was sent: set bind_dn, and use ldaps:// or start_tls',
  'search 50': ': allow bind_dn to search, or set bind_dn if it is not set',
};

/** By the code of a failure; by the message for failures of the library, which have no code. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/tim(?:e|ed ?)out/i, 'did not respond in time'],
  [/^ECONNREFUSED$/, 'refused the connection'],
  [/^(?:ENOTFOUND|EAI_)/, 'could not be found'],
  [
    /UNABLE_TO_GET_ISSUER|LEAF_SIGNATURE/,
    'has a certificate whose issuer is not trusted: add the certificate of that authority to ca_file',
  ],
  [/CERT|HOSTNAME_MISMATCH/, 'has a certificate that is not trusted'],
  [/^(?:EPROTO|ERR_SSL_)/, 'does not support the TLS versions of the service'],
  [/^Connection closed|^Socket error|^E[A-Z]+$/, 'closed the connection or cannot be reached'],
];
