import { EXACT_PARAMETER, LIST_PARAMETERS, type Page, withQuery, withTemplate } from '../hal/links.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import { type Collection, type View, wholeOf } from './collection.ts';
import type { ListQuery } from './list-query.ts';

export interface PageOptions {
  readonly query: ListQuery;
  readonly wants: EmbedOptions;
  /** The id of the snapshot: a page leads to pages of the same one. */
  readonly snapshot: string;
}

export interface PageView extends View {
  readonly positions: Uint32Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** All of a collection that is asked for itself. */
export function viewOfAll({ href }: Pick<Collection, 'href'>): View {
  const whole = wholeOf(href);
  return { ...whole, links: { ...whole.links, search: withTemplate(href, LIST_PARAMETERS) } };
}

/** What is shown of a selection: the page that is asked for, and how it says where the others are, as GitLab does (RFC 8288). */
export function viewOf(
  { href }: Pick<Collection, 'href'>,
  selected: Uint32Array,
  { query, wants, snapshot }: PageOptions,
): PageView {
  const { page } = query;
  const search = withTemplate(href, LIST_PARAMETERS);
  if (page === undefined) {
    const self = { href: withQuery(href, parametersOf(query, wants)) };
    return { positions: selected, state: {}, links: { self, search }, headers: {} };
  }
  const at = (number: number) => ({
    href: withQuery(href, { ...parametersOf({ ...query, page: { ...page, page: number } }, wants), snapshot }),
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

/** There is one page at least, and behind the last one the way leads back to it. */
function neighbours({ page, perPage }: Page, total: number) {
  const last = Math.max(1, Math.ceil(total / perPage));
  return {
    prev: page > 1 ? Math.min(page - 1, last) : undefined,
    next: page < last ? page + 1 : undefined,
    last,
  };
}

/** The query of a request, written in one way only. */
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
