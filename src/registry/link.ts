/** Where a listing goes on: what a `next` link says of `n` and `last`. */
export interface PageQuery {
  readonly n: string | undefined;
  readonly last: string;
}

/**
 * The next page of a listing (RFC 8288), or undefined on the last. Only `n` and `last` are believed, and put on our own URL:
 * a link may be relative, lack a proxy's prefix, or point at another host.
 */
export function nextPage(header: string | readonly string[] | undefined): PageQuery | undefined {
  const lines = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  for (const line of lines) {
    for (const [, target = '', parameters = ''] of line.matchAll(
      /<([^>]*)>((?:\s*;\s*[^,;="]+(?:="[^"]*"|=[^",;]*)?)*)/g,
    )) {
      if (!isNext(parameters)) continue;
      const query = new URL(target, 'http://relative.invalid/').searchParams;
      const last = query.get('last');
      if (last !== null) return { n: query.get('n') ?? undefined, last };
    }
  }
  return undefined;
}

/** Whether the first `rel` names `next` among its space-separated types; names and types are case-insensitive (RFC 8288, 3.3). */
function isNext(parameters: string): boolean {
  const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^";,\s]+))/i.exec(parameters);
  const types = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
  return types.includes('next');
}
