import { EXACT_PARAMETER, encodeSegment, type Page } from '../../hal/links.ts';

/** What a request wants to see of the members of a collection. */
export interface ListQuery {
  /** Undefined for all of them. */
  readonly page: Page | undefined;
  /** One of the collection's orders; undefined for its own. */
  readonly orderBy: string | undefined;
  /** Undefined for what is usual in that order. */
  readonly sort: Sort | undefined;
  /** '' fits everything. */
  readonly search: string;
  /** Whether the path is known to be as the client wrote it: the links of the answer say so, too, or they would lead to a choice. */
  readonly isExact: boolean;
}

export type Sort = 'asc' | 'desc';

export interface ListRules {
  /** By the values of `order_by`. */
  readonly orders: Readonly<Record<string, unknown>>;
  /** The members of a page if the request does not say how many; undefined for all of them. */
  readonly perPage: number | undefined;
}

export const DEFAULT_PER_PAGE = 100;
export const MOST_PER_PAGE = 1000;
/**
 * As it stands in a URL. The longest name that there can be has 255 characters for the repository, and 128 for the tag; four links of a page with
 * much longer ones are more than proxies take for a header.
 */
export const LONGEST_SEARCH = 512;

/** The parameters of a collection, by GitLab's own names for them; or what is wrong with them. Of several of a name the first counts. */
export function readListQuery(
  query: URLSearchParams,
  { orders, perPage }: ListRules,
): ListQuery | { readonly wrong: string } {
  const page = readPage(query, perPage);
  if (page !== undefined && 'wrong' in page) return page;
  const orderBy = query.get('order_by') ?? undefined;
  if (orderBy !== undefined && !Object.hasOwn(orders, orderBy)) {
    return { wrong: `order_by is none of ${Object.keys(orders).join(', ')}` };
  }
  const sort = query.get('sort') ?? undefined;
  if (sort !== undefined && sort !== 'asc' && sort !== 'desc') return { wrong: 'sort is neither asc nor desc' };
  const search = query.get('search') ?? '';
  if (encodeSegment(search).length > LONGEST_SEARCH) {
    return { wrong: `search is longer than ${LONGEST_SEARCH} characters, as it stands in a URL` };
  }
  return { page, orderBy, sort, search, isExact: query.has(EXACT_PARAMETER) };
}

function readPage(
  query: URLSearchParams,
  usualPerPage: number | undefined,
): Page | undefined | { readonly wrong: string } {
  const [pageText, perPageText] = [query.get('page'), query.get('per_page')];
  if (pageText === null && perPageText === null && usualPerPage === undefined) return undefined;
  const page = wholeNumber(pageText ?? '1');
  if (page === undefined) return { wrong: `page is no whole number from 1 to ${MOST_PAGE}` };
  const perPage = wholeNumber(perPageText ?? String(usualPerPage ?? DEFAULT_PER_PAGE));
  if (perPage === undefined || perPage > MOST_PER_PAGE) {
    return { wrong: `per_page is no whole number from 1 to ${MOST_PER_PAGE}` };
  }
  return { page, perPage };
}

const MOST_PAGE = 999_999_999;

function wholeNumber(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}
