import type { Reader, Reading } from './key.ts';
import { words } from './readers.ts';

/**
 * Returns a reader of http(s) URLs. The value has a trailing slash, so that paths can be appended, and no credentials, query or fragment.
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

/** Reads origins (RFC 6454: scheme, host and port), separated by spaces or commas; none for an empty text. */
export const origins: Reader<readonly string[]> = (text) => {
  const found = new Set<string>();
  for (const word of words(text)) {
    const read = webUrl(word);
    if (!('value' in read)) return { wrong: `contains an entry that ${read.wrong}` };
    if (read.value.pathname !== '/') return { wrong: 'contains an entry with a path' };
    found.add(read.value.origin);
  }
  return { value: [...found] };
};

/** Like `origins`, or `*` for all origins. */
export const originsOrAny: Reader<'*' | readonly string[]> = (text) => {
  if (text === '*') return { value: '*' };
  return words(text).includes('*') ? { wrong: 'contains * and other entries' } : origins(text);
};

/** Reads an address to listen on: an address, a host name, or `*` for every address of the machine (`::` includes IPv4). */
export const socketHost: Reader<string> = (text) => {
  const host = text.replace(/^\[(.*)\]$/, '$1');
  if (host === '*') return { value: '::' };
  if (host.includes(':') ? IPV6.test(host) : HOST_NAME.test(host)) return { value: host };
  return { wrong: text === '' ? 'is empty' : 'is neither an address nor a host name' };
};

const PREFIX_SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._~-]+$/;

/** Reads the path prefix: '' or `/x/y`, however many slashes the text has. */
export const pathPrefix: Reader<string> = (text) => {
  const segments = text.split('/').filter((segment) => segment !== '');
  if (!segments.every((segment) => PREFIX_SEGMENT.test(segment))) return { wrong: 'is not a plain path' };
  return { value: segments.map((segment) => `/${segment}`).join('') };
};

export const HOST_NAME = /^(?!-)[A-Za-z0-9._-]{1,253}$/;
/** Checks the characters only; the resolver decides whether the host exists. */
export const IPV6 = /^(?=.*:.*:)[0-9A-Fa-f:.]+(?:%[\w.-]+)?$/;

function webUrl(text: string): Reading<URL> {
  if (text === '') return { wrong: 'is empty' };
  if (!/^https?:\/\//i.test(text)) return { wrong: 'does not begin with http:// or https://' };
  if (/\s/.test(text) || !URL.canParse(text)) return { wrong: 'is not a URL' };
  const url = new URL(text);
  if (text.includes('@')) return { wrong: 'contains credentials' };
  if (/^https?:\/\/[/:]/i.test(text)) return { wrong: 'contains no host' };
  if (url.port === '0') return { wrong: 'has port 0' };
  if (url.hostname.includes('*')) return { wrong: 'contains a *' };
  if (/[?#]/.test(text)) return { wrong: 'contains a query or a fragment' };
  return { value: url };
}
