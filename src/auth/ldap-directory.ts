import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { AndFilter, Client, type Entry, EqualityFilter, ResultCodeError } from 'ldapts';
import type { Directory } from '../ports.ts';
import { DirectoryError, type DirectoryFailure, type DirectoryStep } from './directory-error.ts';

export interface LdapOptions {
  /** Tried in turn: `ldap://host:389` or `ldaps://host:636`. */
  readonly urls: readonly string[];
  readonly baseDn: string;
  readonly usernameAttribute: string;
  readonly gidAttribute: string;
  readonly validGid: string;
  /** Certificates in PEM to trust besides the well-known ones. */
  readonly ca: string | undefined;
  readonly verifyCertificate: boolean;
  /** Encrypts `ldap://` before anything secret is sent (RFC 4511, 4.14). */
  readonly startTls: boolean;
  /** Who searches; anonymous where undefined. */
  readonly bindDn: string | undefined;
  readonly bindPassword: string | undefined;
  readonly timeoutMs: number;
}

/** A directory that is asked anew for every sign-in: exactly one entry with the name and the group, then a bind as it. */
export function createLdapDirectory(options: LdapOptions): Directory {
  return {
    async authenticate(user, password) {
      // A bind with an empty password is an anonymous one, and succeeds (RFC 4513, 5.1.2).
      if (user === '' || password === '') return false;
      const failures: DirectoryFailure[] = [];
      for (const url of options.urls) {
        const attempt: Attempt = { url, options, step: 'search' };
        try {
          return await authenticateAt(attempt, user, password);
        } catch (cause) {
          failures.push({ url, step: attempt.step, cause });
        }
      }
      throw new DirectoryError(failures);
    },
  };
}

interface Attempt {
  readonly url: string;
  readonly options: LdapOptions;
  /** What is being asked, for the report of a failure. */
  step: DirectoryStep;
}

async function authenticateAt(attempt: Attempt, user: string, password: string): Promise<boolean> {
  const { options } = attempt;
  const dn = await withConnection(attempt, async (client) => {
    if (options.bindDn !== undefined) {
      attempt.step = 'bind_dn';
      await client.bind(options.bindDn, options.bindPassword);
    }
    attempt.step = 'search';
    const { searchEntries } = await client.search(options.baseDn, {
      scope: 'sub',
      filter: filterFor(user, options),
      attributes: ['1.1'], // no attributes: only the name of the entry matters (RFC 4511, 4.5.1.8)
      sizeLimit: 0,
    });
    return onlyDn(searchEntries);
  });
  if (dn === undefined) return false;
  return withConnection(attempt, async (client) => {
    attempt.step = 'password';
    try {
      await client.bind(dn, password);
      return true;
    } catch (error) {
      if (isRefusal(error)) return false;
      throw error;
    }
  });
}

/** Two entries of one name are two people: whoever it is, the password does not tell. */
function onlyDn(entries: readonly Entry[]): string | undefined {
  const [entry, second] = entries;
  return second === undefined && entry !== undefined && entry.dn !== '' ? entry.dn : undefined;
}

/** The library escapes the values of these filters (RFC 4515, 3): a `*` in a name is a star. */
function filterFor(user: string, { usernameAttribute, gidAttribute, validGid }: LdapOptions): AndFilter {
  return new AndFilter({
    filters: [
      new EqualityFilter({ attribute: usernameAttribute, value: user }),
      new EqualityFilter({ attribute: gidAttribute, value: validGid }),
    ],
  });
}

/**
 * The results of a bind (RFC 4511, A.1) that say nothing of this person: strongerAuthRequired, confidentialityRequired, busy and
 * unavailable, and the library's own for no result at all.
 */
const OUT_OF_ORDER: ReadonlySet<number> = new Set([8, 13, 51, 52, 248]);

/** Directories refuse in many ways, each for an account of another state: wrong, locked (19 from 389 Directory Server), disabled, gone. */
function isRefusal(error: unknown): boolean {
  return error instanceof ResultCodeError && !OUT_OF_ORDER.has(error.code);
}

async function withConnection<T>(attempt: Attempt, use: (client: Client) => Promise<T>): Promise<T> {
  const { url, options } = attempt;
  const { protocol, hostname } = new URL(url);
  const tlsOptions: ConnectionOptions = {
    // Without a name to check, the library checks the certificate against "localhost".
    host: hostname.replace(/^\[|\]$/g, ''),
    rejectUnauthorized: options.verifyCertificate,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  };
  const client = new Client({
    url,
    timeout: options.timeoutMs,
    connectTimeout: options.timeoutMs,
    // Given for `ldap://` too, they would start TLS at once.
    ...(protocol === 'ldaps:' ? { tlsOptions } : {}),
  });
  try {
    if (options.startTls && protocol === 'ldap:') {
      attempt.step = 'start_tls';
      await inTime(client.startTLS(tlsOptions), options.timeoutMs);
    }
    return await use(client);
  } finally {
    await client.unbind().catch(() => undefined);
  }
}

/** The library waits for ever for the handshake behind StartTLS. */
async function inTime(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Handshake timeout')), timeoutMs);
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
