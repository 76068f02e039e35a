import { literalsIn, PATHS, type PathName } from '../route-table.ts';

/** One string for each parameter of a path. */
type NamesIn<Path extends string> = Path extends `${string}{${string}}${infer Rest}`
  ? [name: string, ...NamesIn<Rest>]
  : [];

/**
 * Builds the URL of each resource from the names in its path: `links.tag('group/app', '1.0')` is
 * `/usage/repositories/group%2Fapp/tags/1.0`. Nothing else builds URLs.
 */
export type Links = { readonly [Name in PathName]: (...names: NamesIn<(typeof PATHS)[Name]>) => string } & {
  /** Fills names into the path of a route. */
  readonly to: (path: string, names: readonly string[]) => string;
};

/** @param prefix '' or a path such as `/usage`, without a slash at its end */
export function createLinks(prefix: string): Links {
  const links = Object.entries(PATHS).map(([name, path]) => [name, linkTo(prefix + path)] as const);
  return {
    ...(Object.fromEntries(links) as Omit<Links, 'to'>),
    to: (path, names) => fillPath(prefix + path, names),
  } as Links;
}

/** Links to members are most of a response with links: one function for each number of names is faster than a loop. */
function linkTo(path: string): (...names: readonly string[]) => string {
  const [start = '', middle, end, ...others] = literalsIn(path);
  if (middle === undefined) return () => start;
  if (end === undefined) return (name = '') => `${start}${encodeSegment(name)}${middle}`;
  if (others.length > 0) return (...names) => fillPath(path, names);
  return (name = '', other = '') => `${start}${encodeSegment(name)}${middle}${encodeSegment(other)}${end}`;
}

/** Fills names into a path, each as one segment. */
export function fillPath(path: string, names: readonly string[], encode = encodeSegment): string {
  return literalsIn(path).reduce((href, literal, i) => href + encode(names[i - 1] ?? '') + literal);
}

export interface Page {
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

/** With this parameter, the slashes of a path separate its segments: no proxy has decoded one that belongs to a name. */
export const EXACT_PARAMETER = 'exact';

/** Adds a query to a URL. It leaves parameters out that are undefined. */
export function withQuery(href: string, parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const query = given.map(([name, value]) => `${name}=${encodeSegment(String(value))}`).join('&');
  return query === '' ? href : `${href}?${query}`;
}

/** The query parameters of a resource that is not a collection, in the order of its link. */
export const RESOURCE_PARAMETERS = ['embed', 'links'] as const;

/** The query parameters of a collection, in the order of its link. */
export const LIST_PARAMETERS = [
  'search',
  'order_by',
  'sort',
  'page',
  'per_page',
  'snapshot',
  ...RESOURCE_PARAMETERS,
] as const;

/** Returns a URI template with a query (RFC 6570, 3.2.8). */
export function withTemplate(href: string, parameters: readonly string[]): { href: string; templated: true } {
  return { href: `${href}{?${parameters.join(',')}}`, templated: true };
}

export function encodeSegment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Encodes a name twice, so that it stays one segment even if a proxy decodes the path. No valid name contains a `%`. */
export function encodeSegmentTwice(text: string): string {
  return encodeSegment(encodeSegment(text));
}

/**
 * Decodes a segment. Bytes that are not UTF-8 become U+FFFD, and a `%` that escapes nothing stays: no resource has such a name, and the 404 can
 * contain it.
 */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    const bytes = segment.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return Buffer.from(bytes, 'latin1').toString('utf8');
  }
}

/** Decodes a name. Clients behind a proxy that decodes paths encode names twice, so a `%` that is left is decoded too. */
export function decodeName(text: string): string {
  const once = decodeSegment(text);
  return once.includes('%') ? decodeSegment(once) : once;
}
