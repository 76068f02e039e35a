import { randomUUID } from 'node:crypto';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { AndFilter, Client, type Entry, EqualityFilter, ExtensibleFilter, type Filter, ResultCodeError } from 'ldapts';
import { normalizeUserName } from '../domain/user-name.ts';
import { assertNever } from '../lib/assert-never.ts';
import type { Directory, Principal } from '../ports.ts';
import { DirectoryError, type DirectoryFailure, type DirectoryStep } from './directory-error.ts';

export type NestedGroups = 'no' | 'in_chain' | 'walk';

export interface LdapOptions {
  /** Tried in turn: `ldap://host:389` or `ldaps://host:636`. */
  readonly urls: readonly string[];
  readonly baseDn: string;
  readonly usernameAttribute: string;
  readonly gidAttribute: string;
  readonly validGid: string;
  /** How to find out whether the group of a user is inside the valid group: not at all, by Active Directory's matching rule, or by a walk upwards. */
  readonly nestedGroups: NestedGroups;
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
 * succeed. If the search finds none, the directory binds as an entry that does not exist: otherwise the time would tell who may sign in.
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
    return findUser(client, user, options);
  });
  const isRight = await withConnection(attempt, async (client) => {
    attempt.step = 'password';
    return canBind(client, entry?.dn ?? noSuchDn(options), password);
  });
  if (entry === undefined || !isRight) return undefined;
  return { name: nameIn(entry, user, options), groups: groupsOf(entry, options) };
}

async function findUser(client: Client, user: string, options: LdapOptions): Promise<Entry | undefined> {
  const { searchEntries } = await client.search(options.baseDn, {
    scope: 'sub',
    filter: filterFor(user, options),
    attributes: [options.gidAttribute, options.usernameAttribute],
    sizeLimit: 0,
  });
  const entry = onlyEntry(searchEntries);
  if (entry === undefined || options.nestedGroups !== 'walk') return entry;
  return (await isInGroup(client, valuesOf(entry, options.gidAttribute), options)) ? entry : undefined;
}

async function canBind(client: Client, dn: string, password: string): Promise<boolean> {
  try {
    await client.bind(dn, password);
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** Returns the name of an entry that does not exist. No real entry is used, because failed binds may lock it. */
function noSuchDn({ usernameAttribute, baseDn }: LdapOptions): string {
  return `${usernameAttribute}=${randomUUID()},${baseDn}`;
}

/** Returns the name as the directory spells it, so that all spellings of a user are one principal. */
function nameIn(entry: Entry, user: string, { usernameAttribute }: LdapOptions): string {
  const names = valuesOf(entry, usernameAttribute);
  const same = names.find((name) => normalizeUserName(name) === normalizeUserName(user));
  return same ?? (names.length === 1 ? names[0] : undefined) ?? user;
}

/** More groups than a user is in, even indirectly. Each costs one search. */
const MAX_GROUPS = 200;

/** Returns whether one of these groups is the valid group or inside it, at any depth. A group that cannot be read is inside none. */
async function isInGroup(client: Client, groups: readonly string[], options: LdapOptions): Promise<boolean> {
  const found = new Map(groups.map((dn) => [comparableDn(dn), dn]));
  let count = 0;
  for (const [comparable, dn] of found) {
    if (comparable === comparableDn(options.validGid)) return true;
    if (++count > MAX_GROUPS) return false;
    for (const above of await groupsAbove(client, dn, options)) found.set(comparableDn(above), above);
  }
  return false;
}

async function groupsAbove(client: Client, dn: string, { gidAttribute }: LdapOptions): Promise<readonly string[]> {
  try {
    const { searchEntries } = await client.search(dn, { scope: 'base', attributes: [gidAttribute] });
    return searchEntries.flatMap((entry) => valuesOf(entry, gidAttribute));
  } catch (error) {
    if (error instanceof ResultCodeError && UNREADABLE_GROUP.has(error.code)) return [];
    throw error;
  }
}

/** noSuchObject, invalidDNSyntax and insufficientAccessRights. */
const UNREADABLE_GROUP: ReadonlySet<number> = new Set([32, 34, 50]);

/** Directories write one name with different cases and spaces. */
function comparableDn(dn: string): string {
  return dn
    .toLowerCase()
    .replaceAll(/\s*([,=])\s*/g, '$1')
    .trim();
}

/** Two entries with one name are two users, and the password does not tell which one is meant. */
function onlyEntry(entries: readonly Entry[]): Entry | undefined {
  const [entry, second] = entries;
  return second === undefined && entry !== undefined && entry.dn !== '' ? entry : undefined;
}

/** Returns the values of the group attribute. The server may let an account search for it and not read it: the searched group is known anyway. */
function groupsOf(entry: Entry, { gidAttribute, validGid }: LdapOptions): readonly string[] {
  const groups = valuesOf(entry, gidAttribute);
  return groups.length === 0 ? [validGid] : groups;
}

function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const [, values = []] = Object.entries(entry).find(([name]) => name.toLowerCase() === attribute.toLowerCase()) ?? [];
  return [values].flat().filter((value) => typeof value === 'string');
}

/** The library escapes the values of these filters (RFC 4515, 3): a `*` in a name is not a wildcard. */
function filterFor(user: string, { usernameAttribute, gidAttribute, validGid, nestedGroups }: LdapOptions): Filter {
  const isUser = new EqualityFilter({ attribute: usernameAttribute, value: user });
  switch (nestedGroups) {
    case 'no':
      return new AndFilter({ filters: [isUser, new EqualityFilter({ attribute: gidAttribute, value: validGid })] });
    case 'in_chain': {
      const isInside = new ExtensibleFilter({ rule: IN_CHAIN, matchType: gidAttribute, value: validGid });
      return new AndFilter({ filters: [isUser, isInside] });
    }
    case 'walk':
      return isUser;
    default:
      return assertNever(nestedGroups);
  }
}

/** LDAP_MATCHING_RULE_IN_CHAIN of Active Directory: the server follows the groups of groups. */
const IN_CHAIN = '1.2.840.113556.1.4.1941';

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
    // The file may hold only the authority that issued the certificate, and not the root above it.
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca], allowPartialTrustChain: true }),
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
