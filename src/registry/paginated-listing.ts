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

/** The largest page that every registry gives: some refuse more. */
const LARGEST_PAGE = 1000;

export const catalogPage = z
  .object({ repositories: z.array(z.string()).nullish() })
  .transform((page) => page.repositories ?? []);
const tagsPage = z.object({ tags: z.array(z.string()).nullish() }).transform((page) => page.tags ?? []);

export interface Collection<T> {
  readonly subject: TokenSubject;
  /** Below the registry's URL. */
  readonly path: string;
  readonly page: z.ZodType<T[]>;
  /** Whether the size of every page is ours to say, and links do not keep it. */
  readonly hasOwnSize?: true;
}

/** What a registry answers for a repository that is gone: the code of the protocol, and Harbor's own. */
const GONE_CODES: ReadonlySet<string> = new Set(['NAME_UNKNOWN', 'NOT_FOUND']);
const MOST_RESTARTS = 3;

/**
 * A listing, page by page: to the last `next` link, however many a page holds. A subject that is gone has none. Some registries
 * know a page only for as long as the name before it exists: a listing that loses its place begins again, and then names most things twice.
 */
export async function* pages<T>(
  client: AuthorizedClient,
  registryUrl: URL,
  { subject, path, page: schema, hasOwnSize }: Collection<T>,
  signal: AbortSignal,
): AsyncGenerator<T[]> {
  const url = new URL(path, registryUrl);
  const count = createListingBound(url);
  /** Hashes: a place in a listing may be as long as a header. */
  const seen = new Set<string>();
  let restarts = 0;
  let size: string | undefined = String(LARGEST_PAGE);
  let last: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ ...(size && { n: size }), ...(last !== undefined && { last }) });
    const request = { method: 'GET', signal } as const;
    const answer = await client.send(subject, `${path}?${query}`, request);
    if (answer.status === 400 && size !== undefined && errorCodes(answer).includes('PAGINATION_NUMBER_INVALID')) {
      size = Number(size) > 1 ? String(Math.floor(Number(size) / 2)) : undefined;
    } else if (last !== undefined && hasLostItsPlace(answer) && restarts < MOST_RESTARTS) {
      restarts++;
      last = undefined;
      seen.clear();
    } else if (last === undefined && subject !== CATALOG && isGone(answer)) {
      return;
    } else {
      const page = readPage(answer, schema, url);
      count(page);
      yield page;
      const next = nextPage(answer.headers['link']);
      if (next === undefined) return;
      const place = hash('sha256', next.last);
      if (seen.has(place)) throw new RegistryError('unreadable', 'the pages of the listing go round in a circle', url);
      seen.add(place);
      last = next.last;
      if (!hasOwnSize) size = next.n ?? size;
    }
  }
}

/** The tags as every registry lists them: by their names alone. Undefined where it does not know the repository. */
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
  const listing: Collection<string> = { subject: repository, path, page: tagsPage };
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

/** Harbor answers 400, and zot 404, where the `last` of a page is gone. */
function hasLostItsPlace({ status }: HttpResponse): boolean {
  return status === 400 || status === 404;
}

/** Any other 404 may be a proxy's, and does not say that there are no tags. */
function isGone(answer: HttpResponse): boolean {
  return answer.status === 404 && errorCodes(answer).some((code) => GONE_CODES.has(code));
}

function readPage<T>(answer: HttpResponse, schema: z.ZodType<T[]>, url: URL): T[] {
  if (answer.status !== 200) throw new RegistryError('unreadable', `status ${answer.status}`, url, answer);
  const page = schema.safeParse(parseJson(answer.body));
  if (page.success) return page.data;
  throw new RegistryError('unreadable', 'the listing is not as the protocol has it', url, answer);
}
