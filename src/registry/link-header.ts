/** Where a listing goes on: what a `next` link says of `n` and `last`. */
export interface PageQuery {
  readonly n: string | undefined;
  readonly last: string;
}

type LinkHeader = string | readonly string[] | undefined;

/**
 * The next page of a listing (RFC 8288), or undefined on the last. Only `n` and `last` are believed, and put on our own URL:
 * a link may be relative, lack a proxy's prefix, or point at another host.
 */
export function nextPage(header: LinkHeader): PageQuery | undefined {
  for (const query of nextQueries(header)) {
    const last = query.get('last');
    if (last !== null) return { n: query.get('n') ?? undefined, last };
  }
  return undefined;
}

/** The queries of the `next` links, in their order. A target that is no URL is no link. */
export function nextQueries(header: LinkHeader): readonly URLSearchParams[] {
  const lines = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  const queries: URLSearchParams[] = [];
  for (const line of lines) {
    for (const [, target = '', parameters = ''] of line.matchAll(
      /<([^>]*)>((?:\s*;\s*[^,;="]+(?:="[^"]*"|=[^",;]*)?)*)/g,
    )) {
      if (isNext(parameters) && URL.canParse(target, RELATIVE)) queries.push(new URL(target, RELATIVE).searchParams);
    }
  }
  return queries;
}

const RELATIVE = 'http://relative.invalid/';

/** Whether the first `rel` names `next` among its space-separated types; names and types are case-insensitive (RFC 8288, 3.3). */
function isNext(parameters: string): boolean {
  const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^";,\s]+))/i.exec(parameters);
  const types = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
  return types.includes('next');
}
