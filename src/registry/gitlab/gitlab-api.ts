import { hash } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';
import { RegistryError } from '../errors.ts';
import { nextQuery } from '../link-header.ts';
import { createListingBound } from '../listing-bound.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { asOutage } from '../transport/outage-detector.ts';
import { header } from '../transport/response-body.ts';
import { isTransient } from '../transport/retries.ts';
import type { HttpResponse } from '../transport/send-once.ts';

export interface GitlabApiOptions {
  /** Ends with a slash. The only origin that receives the access token. */
  readonly gitlabUrl: string;
  readonly accessToken: string;
}

/**
 * GitLab's REST API v4. Paths are below `api/v4/`. Throws a `RegistryError`: forbidden, with its status, for what GitLab does not show to the user;
 * unavailable if GitLab does not answer or refuses the access token.
 */
export interface GitlabApi {
  /** Reads a list page by page ("Pagination"; by keyset or by offset). */
  pages<T>(path: string, schema: z.ZodType<T[]>): AsyncGenerator<readonly T[]>;
  /** Reads a whole list by offset. If the list shrinks meanwhile, it starts again, because later items have moved to pages that were already read. */
  all<T>(path: string, schema: z.ZodType<T[]>): Promise<readonly T[]>;
}

const MOST_RESTARTS = 3;
const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308]);

interface Page<T> {
  readonly items: readonly T[];
  /** The length of the whole list; NaN if GitLab does not state it, as for more than 10,000 items. */
  readonly total: number;
}

export function createGitlabApi(http: HttpClient, options: GitlabApiOptions, signal: AbortSignal): GitlabApi {
  async function* numbered<T>(path: string, schema: z.ZodType<T[]>): AsyncGenerator<Page<T>> {
    let url: URL | undefined = new URL(`api/v4/${path}`, options.gitlabUrl);
    const count = createListingBound(url);
    const seen = new Set<string>();
    let before: Buffer | undefined;
    while (url !== undefined) {
      const place = hash('sha256', url.href);
      if (seen.has(place)) throw new RegistryError('unreadable', 'the pages of the list in GitLab form a circle', url);
      seen.add(place);
      const { response, from } = await get(http, url, options.accessToken, signal);
      const items = readPage(response, schema, from);
      // Asked for a page that no link leads to, a server may repeat the last one.
      if (before?.equals(response.body)) return;
      count(items);
      yield { items, total: Number(header(response, 'x-total') ?? Number.NaN) };
      const next = nextUrl(response, from);
      before = next === undefined ? response.body : undefined;
      url = next ?? guessedUrl(response, items.length, from);
    }
  }

  return {
    async *pages(path, schema) {
      for await (const { items } of numbered(path, schema)) yield items;
    },
    async all(path, schema) {
      for (let tries = 0; tries <= MOST_RESTARTS; tries++) {
        const found = await whole(numbered(path, schema));
        if (found !== undefined) return found;
      }
      const url = new URL(`api/v4/${path}`, options.gitlabUrl);
      throw new RegistryError('unreadable', 'the list in GitLab changes faster than it can be read', url);
    },
  };
}

/** Returns all items; undefined if the list shrank between two pages. */
async function whole<T>(pages: AsyncIterable<Page<T>>): Promise<readonly T[] | undefined> {
  const found: T[] = [];
  let before = Number.NaN;
  for await (const { items, total } of pages) {
    if (total < before) return undefined;
    before = total;
    for (const item of items) found.push(item); // a spread could exceed the number of arguments that a call allows
  }
  return found;
}

/** Follows redirects, which GitLab sends for moved projects, at the same origin only: other servers must not receive the access token. */
async function get(
  http: HttpClient,
  url: URL,
  accessToken: string,
  signal: AbortSignal,
): Promise<{ readonly response: HttpResponse; readonly from: URL }> {
  let from = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const headers = { 'private-token': accessToken };
    const response = await http.send(from, { method: 'GET', headers, signal, isVital: true }).catch(asOutage);
    const location = response.headers['location'];
    if (!REDIRECTS.has(response.status) || typeof location !== 'string' || !URL.canParse(location, from.href))
      return { response, from };
    const target = new URL(location, from);
    if (target.origin !== url.origin) {
      const what = `GitLab redirects to ${target.origin}, which is not the origin of gitlab_base_url`;
      throw new RegistryError('unavailable', what, from, response);
    }
    from = target;
  }
  throw new RegistryError('unreadable', `more than ${MOST_REDIRECTS} redirects`, url);
}

/** Takes only the query of a link and puts it on our own URL: behind a proxy, GitLab may not know its own address. */
function nextUrl(response: HttpResponse, current: URL): URL | undefined {
  const page = header(response, 'x-next-page') ?? '';
  const query = nextQuery(response.headers['link']) ?? (page === '' ? undefined : new URLSearchParams({ page }));
  return query && withQuery(current, query);
}

/**
 * Returns the URL of the page after a full one that names no next page, nor that it is the last: a proxy may have removed GitLab's headers. Undefined
 * if the list has ended.
 */
function guessedUrl(response: HttpResponse, count: number, current: URL): URL | undefined {
  const query = current.searchParams;
  const isLast = ['link', 'x-next-page', 'x-total'].some((name) => response.headers[name] !== undefined);
  if (isLast || count !== Number(query.get('per_page'))) return undefined;
  if (query.get('pagination') !== 'keyset')
    return withQuery(current, new URLSearchParams({ page: String(Number(query.get('page') ?? 1) + 1) }));
  const id = lastId.safeParse(parseJson(response.body)).data;
  return id === undefined ? undefined : withQuery(current, new URLSearchParams({ id_after: String(id) }));
}

const lastId = z.array(z.object({ id: z.number().int() })).transform((items) => items.at(-1)?.id);

function withQuery(url: URL, query: URLSearchParams): URL {
  const changed = new URL(url);
  for (const [name, value] of query) changed.searchParams.set(name, value);
  return changed;
}

function readPage<T>(response: HttpResponse, schema: z.ZodType<T[]>, url: URL): readonly T[] {
  if (response.status !== 200) throw refusal(response, url);
  const page = schema.safeParse(parseJson(response.body));
  if (page.success) return page.data;
  throw new RegistryError('unreadable', 'the list from GitLab does not have the format of its API', url, response);
}

const refusalBody = z.union([z.object({ message: z.unknown() }), z.object({ error: z.string() })]);

/** A 403 or 404 with GitLab's own error body is a decision of GitLab; without one, it may come from a proxy or a ban. */
function refusal(response: HttpResponse, url: URL): RegistryError {
  const { status } = response;
  if (status === 401) return new RegistryError('unavailable', 'GitLab rejects the access token', url, response);
  const body = refusalBody.safeParse(parseJson(response.body)).data;
  if (body === undefined || (status !== 403 && status !== 404)) {
    const kind = isTransient(status) ? 'unavailable' : 'unreadable';
    return new RegistryError(kind, `GitLab answered with status ${status}`, url, response);
  }
  if ('error' in body && body.error === 'insufficient_scope') {
    const what = 'the access token lacks the scope read_api, which GitLab requires to list repositories';
    return new RegistryError('unavailable', what, url, response);
  }
  return new RegistryError('forbidden', 'GitLab does not show the user the repositories', url, response);
}
