type LinkHeader = string | readonly string[] | undefined;

/**
 * Returns the query of the first link to the next page (RFC 8288); undefined on the last page. The cursor may have any name: `last`, `next_page`,
 * `marker`. Only the query is used, with our own URL: a link may be relative, lack the prefix of a proxy, or name another host.
 */
export function nextQuery(header: LinkHeader): URLSearchParams | undefined {
  return nextQueries(header)[0];
}

/** Returns the queries of the `next` links, in their order. Links with an invalid target are ignored. */
function nextQueries(header: LinkHeader): readonly URLSearchParams[] {
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
