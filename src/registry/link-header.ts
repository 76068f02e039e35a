/** The next page of a list: `n` and `last` of a `next` link. */
export interface PageQuery {
  readonly n: string | undefined;
  readonly last: string;
}

type LinkHeader = string | readonly string[] | undefined;

/**
 * Returns the next page of a list (RFC 8288), or undefined on the last page. Only `n` and `last` are used, with our own URL: a link may be relative,
 * lack the prefix of a proxy, or name another host.
 */
export function nextPage(header: LinkHeader): PageQuery | undefined {
  for (const query of nextQueries(header)) {
    const last = query.get('last');
    if (last !== null) return { n: query.get('n') ?? undefined, last };
  }
  return undefined;
}

/** Returns the queries of the `next` links, in their order. Links with an invalid target are ignored. */
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

/** Returns whether the first `rel` contains `next` among its space-separated types, which are case-insensitive (RFC 8288, 3.3). */
function isNext(parameters: string): boolean {
  const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^";,\s]+))/i.exec(parameters);
  const types = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
  return types.includes('next');
}
