import { hash } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';
import { RegistryError } from '../errors.ts';
import { nextQueries } from '../link-header.ts';
import { createListingBound } from '../listing-bound.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { asOutage } from '../transport/outage-detector.ts';
import { header } from '../transport/response-body.ts';
import { isTransient } from '../transport/retries.ts';
import type { HttpResponse } from '../transport/send-once.ts';

export interface GitlabApiOptions {
  /** With a slash at its end. The only origin that is shown the access token. */
  readonly gitlabUrl: string;
  readonly accessToken: string;
}

/**
 * GitLab's REST API v4. Paths are below `api/v4/`. Throws a `RegistryError`: forbidden, with its status, for what GitLab itself refuses to show; unavailable
 * where it does not answer, or refuses the access token.
 */
export interface GitlabApi {
  /** A listing, page by page ("Pagination"; by keyset or by offset). */
  pages<T>(path: string, schema: z.ZodType<T[]>): AsyncGenerator<readonly T[]>;
  /** A listing by offset, whole: one that shrinks while it is read begins again, since what follows has moved into the pages before. */
  all<T>(path: string, schema: z.ZodType<T[]>): Promise<readonly T[]>;
}

const MOST_RESTARTS = 3;
const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308]);

interface Page<T> {
  readonly items: readonly T[];
  /** How many the whole listing has; NaN where GitLab does not say, as for more than 10,000. */
  readonly total: number;
}

export function createGitlabApi(http: HttpClient, options: GitlabApiOptions, signal: AbortSignal): GitlabApi {
  async function* numbered<T>(path: string, schema: z.ZodType<T[]>): AsyncGenerator<Page<T>> {
    let url: URL | undefined = new URL(`api/v4/${path}`, options.gitlabUrl);
    const count = createListingBound(url);
    const seen = new Set<string>();
    while (url !== undefined) {
      const place = hash('sha256', url.href);
      if (seen.has(place)) throw new RegistryError('unreadable', 'the pages of GitLab go round in a circle', url);
      seen.add(place);
      const { answer, from } = await get(http, url, options.accessToken, signal);
      const items = readPage(answer, schema, from);
      count(items);
      yield { items, total: Number(header(answer, 'x-total') ?? Number.NaN) };
      url = nextUrl(answer, from);
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
      throw new RegistryError('unreadable', 'what GitLab lists changes faster than it can be read', url);
    },
  };
}

/** All items, or undefined where the listing shrank between two pages. */
async function whole<T>(pages: AsyncIterable<Page<T>>): Promise<readonly T[] | undefined> {
  const found: T[] = [];
  let before = Number.NaN;
  for await (const { items, total } of pages) {
    if (total < before) return undefined;
    before = total;
    for (const item of items) found.push(item); // as arguments of one call they may be more than fit
  }
  return found;
}

/** Moved projects answer with a redirect. It is followed at GitLab alone: elsewhere the access token would be given away. */
async function get(
  http: HttpClient,
  url: URL,
  accessToken: string,
  signal: AbortSignal,
): Promise<{ readonly answer: HttpResponse; readonly from: URL }> {
  let from = url;
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const headers = { 'private-token': accessToken };
    const answer = await http.send(from, { method: 'GET', headers, signal, isVital: true }).catch(asOutage);
    const location = answer.headers['location'];
    if (!REDIRECTS.has(answer.status) || typeof location !== 'string' || !URL.canParse(location, from.href))
      return { answer, from };
    const target = new URL(location, from);
    if (target.origin !== url.origin) {
      const what = `GitLab sends on to ${target.origin}, which is not the origin of gitlab_base_url`;
      throw new RegistryError('unavailable', what, from, answer);
    }
    from = target;
  }
  throw new RegistryError('unreadable', `more than ${MOST_REDIRECTS} redirects`, url);
}

/** Of a link only the query is believed, and put on our own URL: behind a proxy GitLab may not know the address that it is reached at. */
function nextUrl(answer: HttpResponse, current: URL): URL | undefined {
  const [query] = nextQueries(answer.headers['link']);
  if (query === undefined) return undefined;
  const next = new URL(current);
  for (const [name, value] of query) next.searchParams.set(name, value);
  return next;
}

function readPage<T>(answer: HttpResponse, schema: z.ZodType<T[]>, url: URL): readonly T[] {
  if (answer.status !== 200) throw refusal(answer, url);
  const page = schema.safeParse(parseJson(answer.body));
  if (page.success) return page.data;
  throw new RegistryError('unreadable', 'what GitLab lists is not as its API has it', url, answer);
}

const refusalBody = z.union([z.object({ message: z.unknown() }), z.object({ error: z.string() })]);

/** What GitLab says in its own words is its decision; any other 403 or 404 may be a proxy's, or a ban. */
function refusal(answer: HttpResponse, url: URL): RegistryError {
  const { status } = answer;
  if (status === 401) return new RegistryError('unavailable', 'GitLab refuses the access token', url, answer);
  const body = refusalBody.safeParse(parseJson(answer.body)).data;
  if (body === undefined || (status !== 403 && status !== 404)) {
    const kind = isTransient(status) ? 'unavailable' : 'unreadable';
    return new RegistryError(kind, `GitLab answered with status ${status}`, url, answer);
  }
  if ('error' in body && body.error === 'insufficient_scope') {
    const what = 'the access token lacks the scope read_api, which GitLab wants to see before it lists anything';
    return new RegistryError('unavailable', what, url, answer);
  }
  return new RegistryError('forbidden', 'GitLab does not show the user the repositories', url, answer);
}
