import type { Reader, Reading } from './key.ts';
import { words } from './readers.ts';

/**
 * An http(s) URL that paths can be appended to: with a trailing slash, and without credentials, query and fragment.
 * `placeholder` is the host of the default file.
 */
export function baseUrl(placeholder: string): Reader<string> {
  return (text) => {
    const read = webUrl(text);
    if (!('value' in read)) return read;
    const url = read.value;
    if (url.hostname === placeholder) return { wrong: 'is still the placeholder' };
    return { value: url.origin + url.pathname.replace(/\/*$/, '/') };
  };
}

/** Origins (RFC 6454: scheme, host and port), separated by spaces or commas; none for an empty text. */
export const origins: Reader<readonly string[]> = (text) => {
  const found = new Set<string>();
  for (const word of words(text)) {
    const read = webUrl(word);
    if (!('value' in read)) return { wrong: `holds an entry that ${read.wrong}` };
    if (read.value.pathname !== '/') return { wrong: 'holds an entry with a path' };
    found.add(read.value.origin);
  }
  return { value: [...found] };
};

/** As `origins`, or `*` alone for all there are. */
export const originsOrAny: Reader<'*' | readonly string[]> = (text) => {
  if (text === '*') return { value: '*' };
  return words(text).includes('*') ? { wrong: 'holds * next to others' } : origins(text);
};

/** What socket_host takes: an address, a name, or `*` for every address of the machine (`::` takes IPv4 as well). */
export const socketHost: Reader<string> = (text) => {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  if (host === '*') return { value: '::' };
  if (host.includes(':') ? IPV6.test(host) : HOST_NAME.test(host)) return { value: host };
  return { wrong: text === '' ? 'is empty' : 'is neither an address nor a host name' };
};

const PREFIX_SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._~-]+$/;

/** The path that everything lies below: '' or `/x/y`, whatever slashes were written. */
export const pathPrefix: Reader<string> = (text) => {
  const segments = text.split('/').filter((segment) => segment !== '');
  if (!segments.every((segment) => PREFIX_SEGMENT.test(segment))) return { wrong: 'is not a plain path' };
  return { value: segments.map((segment) => `/${segment}`).join('') };
};

export const HOST_NAME = /^(?!-)[A-Za-z0-9._-]{1,253}$/;
/** By its letters only: whether it is an address is up to the resolver. */
export const IPV6 = /^(?=.*:.*:)[0-9A-Fa-f:.]+(?:%[\w.-]+)?$/;

function webUrl(text: string): Reading<URL> {
  if (text === '') return { wrong: 'is empty' };
  if (!/^https?:\/\//i.test(text)) return { wrong: 'does not begin with http:// or https://' };
  if (/\s/.test(text) || !URL.canParse(text)) return { wrong: 'is not a URL' };
  const url = new URL(text);
  if (text.includes('@')) return { wrong: 'holds credentials' };
  if (/^https?:\/\/[/:]/i.test(text)) return { wrong: 'names no host' };
  if (url.port === '0') return { wrong: 'names port 0' };
  if (url.hostname.includes('*')) return { wrong: 'holds a *' };
  if (/[?#]/.test(text)) return { wrong: 'holds a query or a fragment' };
  return { value: url };
}
