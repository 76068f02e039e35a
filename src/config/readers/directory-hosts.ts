import type { Reader } from './key.ts';
import { words } from './readers.ts';
import { HOST_NAME } from './web-addresses.ts';

/** One LDAP server as written: `scheme` is undefined where it was left to `start_tls`. */
export interface DirectoryHost {
  readonly scheme: 'ldap' | 'ldaps' | undefined;
  /** The host with its port, if one was named. */
  readonly authority: string;
}

/** The host of the default file. */
const PLACEHOLDER = 'myldap.com';

/** LDAP servers, separated by spaces or commas, each with or without ldap:// or ldaps://, and with or without a port. */
export const directoryHosts: Reader<readonly DirectoryHost[]> = (text) => {
  const hosts: DirectoryHost[] = [];
  for (const word of words(text)) {
    const [, scheme, host = '', port] =
      /^(?:(ldaps?):\/\/)?(\[[^\]]*\]|[^:/]*)(?::([0-9]{1,5}))?\/?$/i.exec(word) ?? [];
    if (host.toLowerCase() === PLACEHOLDER) return { wrong: 'is still the placeholder' };
    if (/^[a-z]+:\/\//i.test(word) && !/^ldaps?:/i.test(word))
      return { wrong: 'holds another scheme than ldap and ldaps' };
    const isHost = host.startsWith('[') ? URL.canParse(`ldap://${host}`) : HOST_NAME.test(host);
    if (!isHost || Number(port ?? 389) > 65_535 || Number(port ?? 389) === 0)
      return { wrong: 'holds an entry that is no host' };
    hosts.push({
      scheme: scheme === undefined ? undefined : scheme.toLowerCase() === 'ldap' ? 'ldap' : 'ldaps',
      authority: port === undefined ? host : `${host}:${port}`,
    });
  }
  return hosts.length === 0 ? { wrong: 'is empty' } : { value: hosts };
};

/** The servers as URLs. Passwords go there: a server without a scheme gets TLS from the first byte, or by StartTLS. */
export function directoryUrls(hosts: readonly DirectoryHost[], startTls: boolean): readonly string[] {
  return hosts.map(({ scheme, authority }) => `${scheme ?? (startTls ? 'ldap' : 'ldaps')}://${authority}`);
}

/** An attribute's name or OID (RFC 4512, section 1.4). */
export const attributeName: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  return /^(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)$/.test(text)
    ? { value: text }
    : { wrong: 'is not the name of an attribute' };
};

/** A distinguished name, by the look of it (RFC 4514): the directory has the last word. */
export const distinguishedName: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  return /^\s*[A-Za-z0-9][A-Za-z0-9.-]*\s*=[^\p{Cc}]+$/u.test(text)
    ? { value: text }
    : { wrong: 'is not a distinguished name' };
};
