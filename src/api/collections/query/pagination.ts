import { EXACT_PARAMETER, LIST_PARAMETERS, type Page, withQuery, withTemplate } from '../../hal/links.ts';
import { type View, wholeOf } from '../../hal/represent-list.ts';
import type { EmbedOptions } from '../../snapshot/embed-options.ts';
import type { ListQuery } from './list-query.ts';

export interface PageOptions {
  readonly query: ListQuery;
  readonly options: EmbedOptions;
  /** The id of the snapshot: a page links to pages of the same snapshot. */
  readonly snapshot: string;
}

export interface PageView extends View {
  readonly positions: Uint32Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns the view of a whole collection that is the requested resource. */
export function viewOfAll(href: string): View {
  const whole = wholeOf(href);
  return { ...whole, links: { ...whole.links, search: withTemplate(href, LIST_PARAMETERS) } };
}

/** Returns the view of the members that a request selects: the requested page, with links to the others as GitLab has them (RFC 8288). */
export function viewOf(href: string, selected: Uint32Array, { query, options, snapshot }: PageOptions): PageView {
  const { page } = query;
  const search = withTemplate(href, LIST_PARAMETERS);
  if (page === undefined) {
    const self = { href: withQuery(href, parametersOf(query, options)) };
    return { positions: selected, state: {}, links: { self, search }, headers: {} };
  }
  const at = (number: number) => ({
    href: withQuery(href, { ...parametersOf({ ...query, page: { ...page, page: number } }, options), snapshot }),
  });
  const { prev, next, last } = neighbours(page, selected.length);
  const others = {
    first: at(1),
    ...(prev !== undefined && { prev: at(prev) }),
    ...(next !== undefined && { next: at(next) }),
    last: at(last),
  };
  const from = (page.page - 1) * page.perPage;
  return {
    positions: selected.subarray(from, from + page.perPage),
    state: { page: page.page, per_page: page.perPage, total: selected.length, total_pages: last },
    links: { self: at(page.page), ...others, search },
    headers: {
      link: Object.entries(others)
        .map(([relation, link]) => `<${link.href}>; rel="${relation}"`)
        .join(', '),
      'x-total': String(selected.length),
      'x-total-pages': String(last),
      'x-page': String(page.page),
      'x-per-page': String(page.perPage),
      'x-next-page': String(next ?? ''),
      'x-prev-page': String(prev ?? ''),
    },
  };
}

export const PAGE_HEADERS = [
  'Link',
  'X-Total',
  'X-Total-Pages',
  'X-Page',
  'X-Per-Page',
  'X-Next-Page',
  'X-Prev-Page',
] as const;

/** There is at least one page. After the last page, `prev` is the last page. */
function neighbours({ page, perPage }: Page, total: number) {
  const last = Math.max(1, Math.ceil(total / perPage));
  return {
    prev: page > 1 ? Math.min(page - 1, last) : undefined,
    next: page < last ? page + 1 : undefined,
    last,
  };
}

/** Returns the query parameters of a request, in one spelling and order. */
export function parametersOf({ page, orderBy, sort, search, isExact }: ListQuery, { embed, links }: EmbedOptions) {
  return {
    page: page?.page,
    per_page: page?.perPage,
    order_by: orderBy,
    sort,
    search: search === '' ? undefined : search,
    [EXACT_PARAMETER]: isExact ? 'true' : undefined,
    embed: embed === Number.POSITIVE_INFINITY ? 'true' : embed > 0 ? embed : undefined,
    links: links ? 'true' : undefined,
  };
}
