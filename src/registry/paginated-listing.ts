import { hash } from 'node:crypto';
import { z } from 'zod';
import { parseTagName, type RepositoryName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import type { IllegalName, ListedTag } from '../ports.ts';
import type { AuthorizedClient } from './auth/authorized-client.ts';
import { CATALOG, type TokenSubject } from './auth/token-service.ts';
import { RegistryError } from './errors.ts';
import { createIllegalNames } from './illegal-names.ts';
import { nextPage } from './link-header.ts';
import { createListingBound } from './listing-bound.ts';
import { errorCodes } from './transport/response-body.ts';
import type { HttpResponse } from './transport/send-once.ts';

/** The largest page that every registry allows: some reject larger ones. */
const LARGEST_PAGE = 1000;

export const catalogPage = z
  .object({ repositories: z.array(z.string()).nullish() })
  .transform((page) => page.repositories ?? []);
const tagsPage = z.object({ tags: z.array(z.string()).nullish() }).transform((page) => page.tags ?? []);

export interface ListingRequest<T> {
  readonly subject: TokenSubject;
  /** Relative to the URL of the registry. */
  readonly path: string;
  readonly page: z.ZodType<T[]>;
  /** Whether every request must repeat the page size, because links do not contain it. */
  readonly hasOwnSize?: true;
}

/** The error codes for a repository that does not exist: the protocol's and Harbor's. */
const GONE_CODES: ReadonlySet<string> = new Set(['NAME_UNKNOWN', 'NOT_FOUND']);
const MOST_RESTARTS = 3;

/**
 * Reads a list page by page, up to the last `next` link, however many entries a page has. A subject that no longer exists has no pages. For some
 * registries, a page exists only as long as the name before it: then the list is read again from the start, and most names are listed twice.
 */
export async function* pages<T>(
  client: AuthorizedClient,
  registryUrl: URL,
  { subject, path, page: schema, hasOwnSize }: ListingRequest<T>,
  signal: AbortSignal,
): AsyncGenerator<T[]> {
  const url = new URL(path, registryUrl);
  const count = createListingBound(url);
  /** Hashes, because a cursor may be as long as a header. */
  const seen = new Set<string>();
  let restarts = 0;
  let size: string | undefined = String(LARGEST_PAGE);
  let last: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ ...(size && { n: size }), ...(last !== undefined && { last }) });
    const request = { method: 'GET', signal } as const;
    const response = await client.send(subject, `${path}?${query}`, request);
    if (response.status === 400 && size !== undefined && errorCodes(response).includes('PAGINATION_NUMBER_INVALID')) {
      size = Number(size) > 1 ? String(Math.floor(Number(size) / 2)) : undefined;
    } else if (last !== undefined && hasLostCursor(response) && restarts < MOST_RESTARTS) {
      restarts++;
      last = undefined;
      seen.clear();
    } else if (last === undefined && subject !== CATALOG && isGone(response)) {
      return;
    } else {
      const page = readPage(response, schema, url);
      count(page);
      yield page;
      const next = nextPage(response.headers['link']);
      if (next === undefined) return;
      const place = hash('sha256', next.last);
      if (seen.has(place)) throw new RegistryError('unreadable', 'the pages of the list form a circle', url);
      seen.add(place);
      last = next.last;
      if (!hasOwnSize) size = next.n ?? size;
    }
  }
}

/** Lists the tags by name, as every registry can. Undefined if the registry does not know the repository. */
export async function listTags(
  client: AuthorizedClient,
  repository: RepositoryName,
  registryUrl: URL,
  signal: AbortSignal,
): Promise<readonly (ListedTag | IllegalName)[] | undefined> {
  let isKnown = false;
  const tags = new Map<string, ListedTag | IllegalName>();
  const illegal = createIllegalNames();
  const path = `v2/${repository}/tags/list`;
  const listing: ListingRequest<string> = { subject: repository, path, page: tagsPage };
  for await (const page of pages(client, registryUrl, listing, signal)) {
    isKnown = true;
    for (const text of page) {
      const name = parseTagName(text);
      const tag = name === undefined ? illegal.take(text) : { name };
      if (tag !== undefined) tags.set('illegal' in tag ? tag.illegal : tag.name, tag);
    }
  }
  return isKnown ? [...tags.values()] : undefined;
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
