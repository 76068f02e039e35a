/** The only place where URLs are built: everything below the prefix, every name one percent-encoded segment. */
export interface Links {
  root(): string;
  openapi(): string;
  authToken(): string;
  repositories(): string;
  repository(name: string): string;
  tags(repository: string): string;
  tag(repository: string, name: string): string;
  tagBlobs(repository: string, name: string): string;
  allTags(): string;
  namespaces(): string;
  namespace(path: string): string;
  blobs(): string;
  blob(digest: string): string;
  gaps(): string;
  collection(): string;
  live(): string;
  ready(): string;
  docs(): string;
}

export interface Page {
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

/** Says of a path that its slashes are its own: nothing in it was decoded on the way. */
export const EXACT_PARAMETER = 'exact';

/**
 * @param prefix '' or a path such as `/usage`, without a slash at its end
 * @param encode how a name becomes one segment
 */
export function createLinks(prefix: string, encode: (name: string) => string = encodeSegment): Links {
  const repository = (name: string): string => `${prefix}/repositories/${encode(name)}`;
  const tags = (name: string): string => `${repository(name)}/tags`;
  const tag = (name: string, tagName: string): string => `${tags(name)}/${encode(tagName)}`;
  return {
    root: () => `${prefix}/`,
    openapi: () => `${prefix}/openapi.json`,
    authToken: () => `${prefix}/auth_token`,
    repositories: () => `${prefix}/repositories`,
    repository,
    tags,
    tag,
    tagBlobs: (name, tagName) => `${tag(name, tagName)}/blobs`,
    allTags: () => `${prefix}/tags`,
    namespaces: () => `${prefix}/namespaces`,
    namespace: (path) => `${prefix}/namespaces/${encode(path)}`,
    blobs: () => `${prefix}/blobs`,
    blob: (digest) => `${prefix}/blobs/${encode(digest)}`,
    gaps: () => `${prefix}/gaps`,
    collection: () => `${prefix}/collection`,
    live: () => `${prefix}/health/live`,
    ready: () => `${prefix}/health/ready`,
    docs: () => `${prefix}/docs`,
  };
}

/** The same URL with a query; a parameter that is undefined is left out. */
export function withQuery(href: string, parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const query = given.map(([name, value]) => `${name}=${encodeSegment(String(value))}`).join('&');
  return query === '' ? href : `${href}?${query}`;
}

/** What may be asked of a collection, in the order of its links. */
export const LIST_PARAMETERS = [
  'search',
  'order_by',
  'sort',
  'page',
  'per_page',
  'snapshot',
  'embed',
  'links',
] as const;

/** A template that takes a query (RFC 6570, 3.2.8). */
export function withTemplate(href: string, parameters: readonly string[]): { href: string; templated: true } {
  return { href: `${href}{?${parameters.join(',')}}`, templated: true };
}

export function encodeSegment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Encoded twice, a name reaches us in one piece whether a proxy decodes it on the way or not: no legal name holds a `%`. */
export function encodeSegmentTwice(text: string): string {
  return encodeSegment(encodeSegment(text));
}

/** What a segment spells. Bytes that are no UTF-8 become U+FFFD, and a `%` that escapes nothing stays: the name is then not found, and can be named. */
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

/** Encoded twice is a habit of clients behind proxies that decode once; a legal name holds no `%`, so it cannot be meant. */
export function decodeName(text: string): string {
  const once = decodeSegment(text);
  return once.includes('%') ? decodeSegment(once) : once;
}
