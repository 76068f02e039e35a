import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { AndFilter, Client, type Entry, EqualityFilter, ResultCodeError } from 'ldapts';
import type { Directory, Principal } from '../ports.ts';
import { DirectoryError, type DirectoryFailure, type DirectoryStep } from './directory-error.ts';

export interface LdapOptions {
  /** Tried in turn: `ldap://host:389` or `ldaps://host:636`. */
  readonly urls: readonly string[];
  readonly baseDn: string;
  readonly usernameAttribute: string;
  readonly gidAttribute: string;
  readonly validGid: string;
  /** Certificates in PEM to trust in addition to the well-known ones. */
  readonly ca: string | undefined;
  readonly verifyCertificate: boolean;
  /** Encrypts `ldap://` connections before a secret is sent (RFC 4511, 4.14). */
  readonly startTls: boolean;
  /** The account that searches; undefined for anonymous searches. */
  readonly bindDn: string | undefined;
  readonly bindPassword: string | undefined;
  readonly timeoutMs: number;
}

/**
 * Checks each sign-in at an LDAP server: the search for the name and the group must find exactly one entry, and the bind as that entry must
 * succeed.
 */
export function createLdapDirectory(options: LdapOptions): Directory {
  return {
    async authenticate(user, password) {
      // A bind with an empty password is anonymous and succeeds (RFC 4513, 5.1.2).
      if (user === '' || password === '') return undefined;
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
  /** The current step, to be reported if it fails. */
  step: DirectoryStep;
}

async function authenticateAt(attempt: Attempt, user: string, password: string): Promise<Principal | undefined> {
  const { options } = attempt;
  const entry = await withConnection(attempt, async (client) => {
    if (options.bindDn !== undefined) {
      attempt.step = 'bind_dn';
      await client.bind(options.bindDn, options.bindPassword);
    }
    attempt.step = 'search';
    const { searchEntries } = await client.search(options.baseDn, {
      scope: 'sub',
      filter: filterFor(user, options),
      attributes: [options.gidAttribute],
      sizeLimit: 0,
    });
    return onlyEntry(searchEntries);
  });
  if (entry === undefined) return undefined;
  return withConnection(attempt, async (client) => {
    attempt.step = 'password';
    try {
      await client.bind(entry.dn, password);
      return { name: user, groups: groupsOf(entry, options) };
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw error;
    }
  });
}

/** Two entries with one name are two users, and the password does not tell which one is meant. */
function onlyEntry(entries: readonly Entry[]): Entry | undefined {
  const [entry, second] = entries;
  return second === undefined && entry !== undefined && entry.dn !== '' ? entry : undefined;
}

/** Returns the values of the group attribute. The server may let an account search for it and not read it: the searched group is known anyway. */
function groupsOf(entry: Entry, { gidAttribute, validGid }: LdapOptions): readonly string[] {
  const [, values = []] =
    Object.entries(entry).find(([name]) => name.toLowerCase() === gidAttribute.toLowerCase()) ?? [];
  const groups = [values].flat().filter((value) => typeof value === 'string');
  return groups.length === 0 ? [validGid] : groups;
}

/** The library escapes the values of these filters (RFC 4515, 3): a `*` in a name is not a wildcard. */
function filterFor(user: string, { usernameAttribute, gidAttribute, validGid }: LdapOptions): AndFilter {
  return new AndFilter({
    filters: [
      new EqualityFilter({ attribute: usernameAttribute, value: user }),
      new EqualityFilter({ attribute: gidAttribute, value: validGid }),
    ],
  });
}

/**
 * The results of a bind (RFC 4511, A.1) that do not concern the user: strongerAuthRequired, confidentialityRequired, busy and unavailable, and the
 * library's own result for a missing response.
 */
const SERVER_FAILURES: ReadonlySet<number> = new Set([8, 13, 51, 52, 248]);

/** Servers refuse with many results, depending on the state of the account: wrong password, locked (19 from 389 Directory Server), disabled, gone. */
function isRefusal(error: unknown): boolean {
  return error instanceof ResultCodeError && !SERVER_FAILURES.has(error.code);
}

async function withConnection<T>(attempt: Attempt, use: (client: Client) => Promise<T>): Promise<T> {
  const { url, options } = attempt;
  const { protocol, hostname } = new URL(url);
  const tlsOptions: ConnectionOptions = {
    // Without this name, the library would check the certificate against "localhost".
    host: hostname.replace(/^\[|\]$/g, ''),
    rejectUnauthorized: options.verifyCertificate,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  };
  const client = new Client({
    url,
    timeout: options.timeoutMs,
    connectTimeout: options.timeoutMs,
    // With TLS options, the library would start TLS at once for `ldap://` too.
    ...(protocol === 'ldaps:' ? { tlsOptions } : {}),
  });
  try {
    if (options.startTls && protocol === 'ldap:') {
      attempt.step = 'start_tls';
      await withTimeout(client.startTLS(tlsOptions), options.timeoutMs);
    }
    return await use(client);
  } finally {
    await client.unbind().catch(() => undefined);
  }
}

/** The library has no timeout for the handshake after StartTLS. */
async function withTimeout(work: Promise<void>, timeoutMs: number): Promise<void> {
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
