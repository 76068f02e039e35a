import { parseSearch, SearchSyntaxError } from '../../../domain/search/parse-search.ts';
import { EXACT_PARAMETER, encodeSegment, type Page } from '../../hal/links.ts';

/** Which members of a collection a request asks for, and in which order. */
export interface ListQuery {
  /** Undefined for all members. */
  readonly page: Page | undefined;
  /** One of the collection's orders; undefined for its own order. */
  readonly orderBy: string | undefined;
  /** Undefined for the default direction of the order. */
  readonly sort: Sort | undefined;
  /** '' matches every name. See `domain/search`. */
  readonly search: string;
  /** True if the request has the parameter `exact`. The links in the response repeat it, since without it they could be ambiguous. */
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
export const MAX_PER_PAGE = 1000;
/**
 * Percent-encoded. The longest names have 255 characters for the repository and 128 for the tag. The header `Link` of a page repeats the search four
 * times, and many proxies refuse headers that are much longer.
 */
export const MAX_SEARCH_LENGTH = 512;

/** Reads the query parameters of a collection, which GitLab's API has too. If a parameter is given several times, the first one applies. */
export function readListQuery(
  query: URLSearchParams,
  { orders, perPage }: ListRules,
): ListQuery | { readonly wrong: string } {
  const page = readPage(query, perPage);
  if (page !== undefined && 'wrong' in page) return page;
  const orderBy = query.get('order_by') ?? undefined;
  if (orderBy !== undefined && !Object.hasOwn(orders, orderBy)) {
    return { wrong: `order_by must be one of ${Object.keys(orders).join(', ')}` };
  }
  const sort = query.get('sort') ?? undefined;
  if (sort !== undefined && sort !== 'asc' && sort !== 'desc') return { wrong: 'sort must be asc or desc' };
  const search = query.get('search') ?? '';
  if (encodeSegment(search).length > MAX_SEARCH_LENGTH) {
    return { wrong: `search must have at most ${MAX_SEARCH_LENGTH} characters, percent-encoded` };
  }
  const syntaxError = syntaxErrorIn(search);
  if (syntaxError !== undefined) return { wrong: notASearch(syntaxError) };
  return { page, orderBy, sort, search, isExact: query.has(EXACT_PARAMETER) };
}

/** Finds what is wrong with a search, apart from its regular expressions: to compile them takes too long here. */
function syntaxErrorIn(search: string): SearchSyntaxError | undefined {
  try {
    parseSearch(search);
    return undefined;
  } catch (error) {
    if (error instanceof SearchSyntaxError) return error;
    throw error;
  }
}

/** Returns the detail of the problem. */
export function notASearch({ message }: SearchSyntaxError): string {
  return `search is not valid: ${message}`;
}

function readPage(
  query: URLSearchParams,
  defaultPerPage: number | undefined,
): Page | undefined | { readonly wrong: string } {
  const [pageText, perPageText] = [query.get('page'), query.get('per_page')];
  if (pageText === null && perPageText === null && defaultPerPage === undefined) return undefined;
  const page = wholeNumber(pageText ?? '1');
  if (page === undefined) return { wrong: `page must be a whole number from 1 to ${MAX_PAGE}` };
  const perPage = wholeNumber(perPageText ?? String(defaultPerPage ?? DEFAULT_PER_PAGE));
  if (perPage === undefined || perPage > MAX_PER_PAGE) {
    return { wrong: `per_page must be a whole number from 1 to ${MAX_PER_PAGE}` };
  }
  return { page, perPage };
}

export const MAX_PAGE = 999_999_999;

function wholeNumber(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}
