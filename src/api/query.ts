import type { Page } from './links.ts';

/** What a request wants besides a resource's own state. */
export interface Wants {
  /** How many levels of resources to embed; infinite for all of them. */
  readonly embed: number;
  readonly links: boolean;
}

const ALL_LEVELS: ReadonlySet<string> = new Set(['true', 'yes', 't', 'y']);
const YES: ReadonlySet<string> = new Set([...ALL_LEVELS, '1']);

/**
 * `embed` and `links`, of the query or else of a JSON body: of several values of a name the first, and none of an unknown one.
 *
 * @param deepestLevel how many levels there are: a larger number is all of them
 */
export function readWants(query: URLSearchParams, body: unknown, deepestLevel: number): Wants {
  const embed = textOf('embed', query, body);
  return { embed: levels(embed, deepestLevel), links: YES.has(textOf('links', query, body).toLowerCase()) };
}

function levels(text: string, deepestLevel: number): number {
  if (ALL_LEVELS.has(text.toLowerCase())) return Number.POSITIVE_INFINITY;
  if (!/^[0-9]+$/.test(text)) return 0;
  return Number(text) >= deepestLevel ? Number.POSITIVE_INFINITY : Number(text);
}

const DEFAULT_PER_PAGE = 100;
const MOST_PER_PAGE = 1000;

/** `page` and `per_page`, as GitLab's own API names them; or what is wrong with them. */
export function readPage(query: URLSearchParams): Page | { readonly wrong: string } {
  const page = wholeNumber(query.get('page') ?? '1');
  if (page === undefined) return { wrong: 'page is no whole number from 1 on' };
  const perPage = wholeNumber(query.get('per_page') ?? String(DEFAULT_PER_PAGE));
  if (perPage === undefined || perPage > MOST_PER_PAGE) {
    return { wrong: `per_page is no whole number from 1 to ${MOST_PER_PAGE}` };
  }
  return { page, perPage };
}

function wholeNumber(text: string): number | undefined {
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}

function textOf(name: string, query: URLSearchParams, body: unknown): string {
  const own = query.get(name);
  if (own !== null) return own;
  if (typeof body !== 'object' || body === null || !(name in body)) return '';
  const value = (body as Record<string, unknown>)[name];
  return typeof value === 'object' ? '' : String(value);
}
