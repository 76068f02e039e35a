import type { IncomingMessage } from 'node:http';

/** What the response to a request without unusual headers depends on. */
export interface CacheableRequest {
  readonly url: string;
  readonly accept: string;
  readonly acceptEncoding: string;
  readonly ifNoneMatch: string | undefined;
}

/** Headers that a cacheable request may have, each of them once; `any` stands for headers that no response depends on. */
const NAMES = ['accept', 'accept-encoding', 'authorization', 'if-none-match', 'host'] as const;
const ANY = ['accept-language', 'cache-control', 'connection', 'pragma', 'user-agent'] as const;
type Name = (typeof NAMES)[number];

/** The usual spellings. Requests with other spellings are handled too, and not from the cache. */
const SPELLINGS: ReadonlyMap<string, Name | 'any'> = new Map(
  [...NAMES.map((name) => [name, name] as const), ...ANY.map((name) => [name, 'any'] as const)].flatMap(
    ([spelling, name]) => [[spelling, name] as const, [capitalized(spelling), name] as const],
  ),
);

function capitalized(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (first) => first.toUpperCase());
}

/**
 * Reads a GET request with a token, over HTTP/1.1, without a body, for a path, and with no headers but those listed above. Returns undefined for any
 * other request: with further headers, such as `Origin` or `X-Forwarded-For`, the response may depend on more.
 */
export function readCacheableRequest({
  method,
  url = '',
  httpVersion,
  rawHeaders,
}: IncomingMessage): CacheableRequest | undefined {
  if (method !== 'GET' || httpVersion !== '1.1' || !url.startsWith('/')) return undefined;
  const found: { [name in Name]?: string } = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = SPELLINGS.get(rawHeaders[i] ?? '');
    if (name === undefined) return undefined;
    if (name === 'any') continue;
    if (found[name] !== undefined) return undefined;
    found[name] = rawHeaders[i + 1] ?? '';
  }
  const { authorization, accept, 'accept-encoding': acceptEncoding, 'if-none-match': ifNoneMatch } = found;
  if (authorization === undefined) return undefined;
  // An empty header accepts what a missing one accepts.
  return { url, accept: accept ?? '', acceptEncoding: acceptEncoding ?? '', ifNoneMatch };
}

/** Returns the key of a response: all that it depends on, besides the snapshot. */
export function cacheKey({ url, accept, acceptEncoding }: CacheableRequest, visibility: string): string {
  return `${visibility}\n${url}\n${accept}\n${acceptEncoding}`;
}
