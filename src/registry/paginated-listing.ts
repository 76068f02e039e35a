import { hash } from 'node:crypto';
import { z } from 'zod';
import { parseTagName, type RepositoryName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import type { CutList, IllegalName, ListedTag } from '../ports.ts';
import type { AuthorizedClient } from './auth/authorized-client.ts';
import { CATALOG, type TokenSubject } from './auth/token-scope.ts';
import { RegistryError } from './errors.ts';
import { createIllegalNames } from './illegal-names.ts';
import { nextQuery } from './link-header.ts';
import { createListingBound } from './listing-bound.ts';
import { errorCodes } from './transport/response-body.ts';
import type { HttpResponse } from './transport/send-once.ts';

/** The largest page that every registry allows: some reject larger ones. */
const LARGEST_PAGE = 1000;

/** Some servers return an empty list as one empty name. */
const names = z.array(z.string()).transform((list) => list.filter((name) => name !== ''));
/** A missing list is empty, but an error is not a list. Some servers write that there are no errors. */
const isNoError = ({ errors }: { readonly errors?: unknown }): boolean =>
  errors === undefined || errors === null || (Array.isArray(errors) && errors.length === 0);
export const catalogPage = z
  .object({ repositories: names.nullish(), errors: z.unknown().optional() })
  .refine(isNoError)
  .transform((page) => page.repositories ?? []);
const tagsPage = z
  .object({ tags: names.nullish(), errors: z.unknown().optional() })
  .refine(isNoError)
  .transform((page) => page.tags ?? []);

export interface ListingRequest<T> {
  readonly subject: TokenSubject;
  /** Relative to the URL of the registry. */
  readonly path: string;
  readonly page: z.ZodType<T[]>;
  /** The name of an entry, which `last` continues after. */
  readonly nameOf: (entry: T) => string;
  /** What the list contains, for people: `tags`. */
  readonly what: string;
  /** Whether every request must repeat the page size, because links do not contain it. */
  readonly hasOwnSize?: true;
}

/** The error codes for a repository that does not exist: the protocol's and Harbor's. */
const GONE_CODES: ReadonlySet<string> = new Set(['NAME_UNKNOWN', 'NOT_FOUND']);
const MOST_RESTARTS = 3;
/** More pages in a row without a new name than any registry has, even one that leaves out what the user may not read. */
const MOST_IDLE_PAGES = 200;

/**
 * Reads a list page by page, however many entries a page has. A subject that no longer exists has no pages. Entries may occur twice.
 *
 * A page without a link is the last one, unless it is full: some registries cut their lists without a link. Then the list is asked for with `last`,
 * and if that does not settle the question, without a page size. If the list may go on nevertheless, the last page contains a `CutList`.
 */
export async function* pages<T>(
  client: AuthorizedClient,
  registryUrl: URL,
  listing: ListingRequest<T>,
  signal: AbortSignal,
): AsyncGenerator<readonly (T | CutList)[]> {
  const ask = createPageReader(client, registryUrl, listing, signal);
  let found = yield* walk(ask, listing, String(LARGEST_PAGE));
  // For some registries, a page exists only as long as the name before it.
  for (let restarts = 0; found.end === 'lost' && restarts < MOST_RESTARTS; restarts++)
    found = yield* walk(ask, listing, String(LARGEST_PAGE));
  if (found.end === 'settled') return;
  const whole = yield* walk(ask, listing, undefined);
  if (!isSettledBy(whole, found)) yield [{ cut: `the list of ${listing.what} may go on: ${WHY_CUT[found.end]}` }];
}

/**
 * - settled: the list is complete
 * - repeated: after a full page without a link, the registry ignores `last`
 * - full: after a full page without a link, the registry does not answer a question with `last`
 * - lost: the registry does not know the place that its own link names
 * - circle: a link leads to a page that was read before
 * - idle: links lead on and on, without new names
 */
type End = 'settled' | 'repeated' | 'full' | 'lost' | 'circle' | 'idle';

interface Walk {
  readonly end: End;
  readonly names: ReadonlySet<string>;
}

const WHY_CUT: Readonly<Record<Exclude<End, 'settled'>, string>> = {
  repeated: 'the registry ends it after a full page, and always returns the same names',
  full: 'the registry ends it after a full page, and does not return what follows',
  lost: 'the registry loses its place between two pages',
  circle: 'its pages form a circle',
  idle: 'its pages do not end, and contain no new names',
};

/**
 * Returns whether the list without a page size shows that nothing is missing: it has more names, or the same ones again. If nothing but full pages of
 * the same size is known of a registry, the same names again are no proof.
 */
function isSettledBy(whole: Walk, paged: Walk): boolean {
  if (whole.end !== 'settled') return false;
  if (whole.names.size > paged.names.size) return true;
  return paged.end !== 'full' && [...paged.names].every((name) => whole.names.has(name));
}

/** Follows the links of a list from its start. Asks on with `last` after a full page that has no link. */
async function* walk<T>(
  ask: PageReader<T>,
  { nameOf, hasOwnSize }: ListingRequest<T>,
  firstSize: string | undefined,
): AsyncGenerator<readonly T[], Walk> {
  const names = new Set<string>();
  const places = createPlaces();
  let size = firstSize;
  let cursor = new URLSearchParams();
  let idlePages = 0;
  /** Whether the registry has shown how it pages: by a link, or by going on after `last`. */
  let isPaging = false;
  for (let isGuess = false; ; ) {
    if (!places.add(cursor, size)) return { end: 'circle', names };
    const page = await ask(cursor, size, isGuess || firstSize === undefined);
    if (page === 'gone') return { end: 'settled', names };
    if (page === 'lost') return { end: isGuess ? (isPaging ? 'settled' : 'full') : 'lost', names };
    const { entries, next } = page;
    const newCount = addNames(names, entries.map(nameOf));
    if (newCount > 0 || !isGuess) yield entries;
    size = page.size;
    idlePages = newCount > 0 ? 0 : idlePages + 1;
    if (next !== undefined) {
      if (idlePages >= MOST_IDLE_PAGES) return { end: 'idle', names };
      [isPaging, isGuess, cursor] = [true, false, next];
      if (!hasOwnSize) size = next.get('n') ?? size;
      continue;
    }
    const last = entries.at(-1);
    if (last === undefined) return { end: 'settled', names };
    // A registry that goes on after `last` names nothing a second time, except that some begin again at the end.
    if (isGuess && newCount < entries.length) return { end: isPaging ? 'settled' : 'repeated', names };
    if (isGuess) isPaging = true;
    if (entries.length !== Number(size)) return { end: 'settled', names };
    [isGuess, cursor] = [true, new URLSearchParams({ last: nameOf(last) })];
  }
}

/** Adds names to a set, and returns how many were not in it. */
function addNames(names: Set<string>, more: readonly string[]): number {
  const before = names.size;
  for (const name of more) names.add(name.length > LONGEST_KEPT ? hash('sha256', name) : name);
  return names.size - before;
}

/** No legal name is longer; an illegal one may have megabytes. */
const LONGEST_KEPT = 255;

/** The places of a list that were asked for. They are hashed, because a cursor may be as long as a header. */
function createPlaces() {
  const seen = new Set<string>();
  return {
    /** Returns false if the place was there. */
    add(cursor: URLSearchParams, size: string | undefined): boolean {
      const place = hash('sha256', `${size} ${cursor}`);
      const isNew = !seen.has(place);
      seen.add(place);
      return isNew;
    },
  };
}

interface Page<T> {
  readonly entries: readonly T[];
  /** The query of the link to the next page. */
  readonly next: URLSearchParams | undefined;
  /** The page size that the registry has accepted; undefined if it accepts none. */
  readonly size: string | undefined;
}

/**
 * Reads the page after a cursor. Returns `gone` if there is no such subject, and `lost` if the registry does not know the cursor. If the page is only
 * a check of an earlier page, any refusal is `lost`, unless the registry is unavailable.
 */
type PageReader<T> = (
  cursor: URLSearchParams,
  size: string | undefined,
  isCheck: boolean,
) => Promise<Page<T> | 'gone' | 'lost'>;

function createPageReader<T>(
  client: AuthorizedClient,
  registryUrl: URL,
  { subject, path, page: schema }: ListingRequest<T>,
  signal: AbortSignal,
): PageReader<T> {
  const url = new URL(path, registryUrl);
  const count = createListingBound(url);

  async function ask(cursor: URLSearchParams, firstSize: string | undefined): Promise<Page<T> | 'gone' | 'lost'> {
    const isStart = cursor.size === 0;
    for (let size = firstSize; ; ) {
      const query = new URLSearchParams(size === undefined ? [] : [['n', size]]);
      for (const [name, value] of cursor) if (name !== 'n') query.append(name, value);
      const response = await client.send(subject, query.size > 0 ? `${path}?${query}` : path, {
        method: 'GET',
        signal,
      });
      if (response.status === 400 && size !== undefined && errorCodes(response).includes('PAGINATION_NUMBER_INVALID')) {
        size = Number(size) > 1 ? String(Math.floor(Number(size) / 2)) : undefined;
        continue;
      }
      if (!isStart && hasLostCursor(response)) return 'lost';
      if (isStart && subject !== CATALOG && isGone(response)) return 'gone';
      const entries = readPage(response, schema, url);
      count(entries);
      return { entries, next: nextQuery(response.headers['link']), size };
    }
  }

  return async (cursor, size, isCheck) => {
    try {
      return await ask(cursor, size);
    } catch (error) {
      if (!isCheck || !(error instanceof RegistryError) || error.kind === 'unavailable') throw error;
      return 'lost';
    }
  };
}

/** Lists the tags by name, as every registry can. Undefined if the registry does not know the repository. */
export async function listTags(
  client: AuthorizedClient,
  repository: RepositoryName,
  registryUrl: URL,
  signal: AbortSignal,
): Promise<readonly (ListedTag | IllegalName | CutList)[] | undefined> {
  let isKnown = false;
  const tags = new Map<string, ListedTag | IllegalName>();
  const cuts: CutList[] = [];
  const illegal = createIllegalNames();
  const path = `v2/${repository}/tags/list`;
  const listing = { subject: repository, path, page: tagsPage, nameOf: (name: string) => name, what: 'tags' };
  for await (const page of pages(client, registryUrl, listing, signal)) {
    isKnown = true;
    for (const text of page) {
      if (typeof text !== 'string') {
        cuts.push(text);
        continue;
      }
      const name = parseTagName(text);
      const tag = name === undefined ? illegal.take(text) : { name };
      if (tag !== undefined) tags.set('illegal' in tag ? tag.illegal : tag.name, tag);
    }
  }
  return isKnown ? [...tags.values(), ...cuts] : undefined;
}

/** Harbor answers 400, and zot 404, if the tag in `last` no longer exists. */
function hasLostCursor({ status }: HttpResponse): boolean {
  return status === 400 || status === 404;
}

/** Other 404s may come from a proxy, and do not mean that there are no tags. */
function isGone(response: HttpResponse): boolean {
  return response.status === 404 && errorCodes(response).some((code) => GONE_CODES.has(code));
}

function readPage<T>(response: HttpResponse, schema: z.ZodType<T[]>, url: URL): T[] {
  if (response.status !== 200) throw new RegistryError('unreadable', `status ${response.status}`, url, response);
  const page = schema.safeParse(parseJson(response.body));
  if (page.success) return page.data;
  throw new RegistryError('unreadable', 'the list does not have the format of the protocol', url, response);
}
