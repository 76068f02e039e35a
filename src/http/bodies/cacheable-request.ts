import type { IncomingMessage } from 'node:http';

/** What an answer depends on, of a request that says nothing unusual. */
export interface CacheableRequest {
  readonly authorization: string;
  /** Under which its answer is found: its path and query, and what it accepts. */
  readonly key: string;
  readonly ifNoneMatch: string | undefined;
}

/** The headers that a plain request may have, these each once; and those that no answer depends on, which are 'any'. */
const NAMES = ['accept', 'accept-encoding', 'authorization', 'if-none-match', 'host'] as const;
const ANY = ['accept-language', 'cache-control', 'connection', 'pragma', 'user-agent'] as const;
type Name = (typeof NAMES)[number];

/** By their usual spellings: whoever writes them in another way is answered, too, and not as fast. */
const SPELLINGS: ReadonlyMap<string, Name | 'any'> = new Map(
  [...NAMES.map((name) => [name, name] as const), ...ANY.map((name) => [name, 'any'] as const)].flatMap(
    ([spelling, name]) => [[spelling, name] as const, [capitalized(spelling), name] as const],
  ),
);

function capitalized(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (first) => first.toUpperCase());
}

/**
 * Reads a GET over HTTP/1.1 without a body, of a path, with nothing but headers that are known here. Undefined for any other: with more of them,
 * such as `Origin` or `X-Forwarded-For`, there is more to look at.
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
  const { authorization, accept, 'accept-encoding': encoding, 'if-none-match': ifNoneMatch } = found;
  if (authorization === undefined) return undefined;
  // An empty header accepts what none accepts.
  return { authorization, key: `${url}\n${accept ?? ''}\n${encoding ?? ''}`, ifNoneMatch };
}
