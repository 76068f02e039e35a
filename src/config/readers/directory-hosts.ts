import type { Reader } from './key.ts';
import { words } from './readers.ts';
import { HOST_NAME } from './web-addresses.ts';

/** An LDAP server; without a scheme, `start_tls` decides. */
export interface DirectoryHost {
  readonly scheme: 'ldap' | 'ldaps' | undefined;
  /** The host, and the port if there is one. */
  readonly authority: string;
}

/** The host of the default file. */
const PLACEHOLDER = 'myldap.com';

/** Reads LDAP servers, separated by spaces or commas, each with or without ldap:// or ldaps://, and with or without a port. */
export const directoryHosts: Reader<readonly DirectoryHost[]> = (text) => {
  const hosts: DirectoryHost[] = [];
  for (const word of words(text)) {
    const [, scheme, host = '', port] =
      /^(?:(ldaps?):\/\/)?(\[[^\]]*\]|[^:/]*)(?::([0-9]{1,5}))?\/?$/i.exec(word) ?? [];
    if (host.toLowerCase() === PLACEHOLDER) return { wrong: 'is still the placeholder' };
    if (/^[a-z]+:\/\//i.test(word) && !/^ldaps?:/i.test(word))
      return { wrong: 'contains a scheme other than ldap and ldaps' };
    const isHost = host.startsWith('[') ? URL.canParse(`ldap://${host}`) : HOST_NAME.test(host);
    if (!isHost || Number(port ?? 389) > 65_535 || Number(port ?? 389) === 0)
      return { wrong: 'contains an entry that is not a host' };
    hosts.push({
      scheme: scheme === undefined ? undefined : scheme.toLowerCase() === 'ldap' ? 'ldap' : 'ldaps',
      authority: port === undefined ? host : `${host}:${port}`,
    });
  }
  return hosts.length === 0 ? { wrong: 'is empty' } : { value: hosts };
};

/** Returns the URLs of the servers. Because they receive passwords, a server without a scheme gets TLS from the first byte, or StartTLS. */
export function directoryUrls(hosts: readonly DirectoryHost[], startTls: boolean): readonly string[] {
  return hosts.map(({ scheme, authority }) => `${scheme ?? (startTls ? 'ldap' : 'ldaps')}://${authority}`);
}

/** Reads the name or OID of an attribute (RFC 4512, section 1.4). */
export const attributeName: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  return /^(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)$/.test(text)
    ? { value: text }
    : { wrong: 'is not the name of an attribute' };
};

/** Reads a distinguished name (RFC 4514). It checks the form only; the directory decides. */
export const distinguishedName: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  return /^\s*[A-Za-z0-9][A-Za-z0-9.-]*\s*=[^\p{Cc}]+$/u.test(text)
    ? { value: text }
    : { wrong: 'is not a distinguished name' };
};

/** Reads the account of a bind: a distinguished name, or one of the other forms of Active Directory, `reader@example.com` and `EXAMPLE\\reader`. */
export const accountName: Reader<string> = (text) => {
  if (/^[^=@\\\p{Cc}]+(?:@[^=@\\\s\p{Cc}]+|\\[^=@\\\p{Cc}]+)$/u.test(text)) return { value: text };
  return distinguishedName(text);
};
