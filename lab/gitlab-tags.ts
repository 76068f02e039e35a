import { Buffer } from 'node:buffer';
import type { CannedAnswer } from './gitlab-registry.ts';
import type { UpstreamRegistry } from './gitlab-upstream.ts';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;
const PARALLEL_REQUESTS = 32;
const TAG_FILTER = /^[a-zA-Z0-9._-]{1,128}$/;
const SORTS: ReadonlySet<string> = new Set(['name', '-name', 'published_at', '-published_at']);
/** The parameters that the links to other pages keep. They lose `referrers`, `referrer_type` and `name_exact`. */
const KEPT_IN_LINKS = ['n', 'name', 'sort'];

/** Answers `GET /gitlab/v1/repositories/<path>/tags/list/`. */
export async function listTags(url: URL, repository: string, upstream: UpstreamRegistry): Promise<CannedAnswer> {
  const query = url.searchParams;
  const tags = await upstream.tags(repository);
  if ('status' in tags) return tags;
  const wrong = wrongParameter(query);
  if (wrong !== undefined) return wrong;
  const exactly = query.get('name_exact');
  const named = tags.filter((tag) => tag.includes(query.get('name') ?? '') && (exactly ?? tag) === tag);
  const { page, links } = pageOf(named, query, orderOf(query, repository, upstream));
  const items = await itemsOf(page, repository, query, upstream);
  const link = links.map(({ rel, parameter, marker }) => {
    const linked = new URLSearchParams({ [parameter]: marker });
    for (const name of KEPT_IN_LINKS) for (const value of query.getAll(name)) linked.append(name, value);
    linked.sort();
    return `<${url.pathname}?${linked}>; rel="${rel}"`;
  });
  return { status: 200, body: items, headers: link.length > 0 ? { link: link.join(', ') } : {} };
}

async function itemsOf(
  page: readonly string[],
  repository: string,
  query: URLSearchParams,
  upstream: UpstreamRegistry,
): Promise<readonly object[]> {
  const items: object[] = [];
  const referrers = query.get('referrers') === 'true' ? await upstream.referrers(repository) : undefined;
  const types = query.get('referrer_type')?.split(',');
  for (let at = 0; at < page.length; at += PARALLEL_REQUESTS) {
    const some = page.slice(at, at + PARALLEL_REQUESTS).map((tag) => upstream.details(repository, tag));
    for (const item of await Promise.all(some)) {
      if (item === undefined) continue;
      const found = referrers?.get(item.digest)?.filter(({ artifactType }) => types?.includes(artifactType) ?? true);
      items.push(found === undefined || found.length === 0 ? item : { ...item, referrers: found });
    }
  }
  return items;
}

/** Answers `GET /v2/<name>/tags/list` of a registry with a database: a page of any requested size, and `null` instead of an empty list. */
export function pageOfProtocol(url: URL, repository: string, tags: readonly string[]): CannedAnswer {
  const { page, links } = pageOf(tags, url.searchParams, BY_NAME);
  const size = url.searchParams.get('n');
  const next = links.find(({ rel }) => rel === 'next');
  const query = next && new URLSearchParams({ last: next.marker, ...(size !== null && { n: size }) });
  return {
    status: 200,
    headers: query ? { link: `<${url.pathname}?${query}>; rel="next"` } : {},
    body: { name: repository, tags: page.length > 0 ? page : null },
  };
}

/** An order of tags, and the markers that name places in it. */
interface Order {
  /** A text that sorts as the tag does. */
  readonly keyOf: (tag: string) => string;
  readonly isDescending: boolean;
  readonly toMarker: (key: string) => string;
  readonly fromMarker: (marker: string) => string;
}

const BY_NAME: Order = {
  keyOf: (tag) => tag,
  isDescending: false,
  toMarker: (key) => key,
  fromMarker: (marker) => marker,
};

/** Sorted by time, the markers are the base64 of `<time>|<tag>`. */
function orderOf(query: URLSearchParams, repository: string, upstream: UpstreamRegistry): Order {
  const sort = query.get('sort') ?? 'name';
  const isDescending = sort.startsWith('-');
  if (sort.endsWith('name')) return { ...BY_NAME, isDescending };
  return {
    keyOf: (tag) => `${upstream.times(repository, tag).published_at}|${tag}`,
    isDescending,
    toMarker: (key) => Buffer.from(key).toString('base64'),
    fromMarker: (marker) => Buffer.from(marker, 'base64').toString(),
  };
}

interface PageLink {
  readonly rel: 'next' | 'previous';
  readonly parameter: 'last' | 'before';
  readonly marker: string;
}

interface TagPage {
  readonly page: readonly string[];
  readonly links: readonly PageLink[];
}

function pageOf(tags: readonly string[], query: URLSearchParams, order: Order): TagPage {
  const { keyOf, isDescending, toMarker, fromMarker } = order;
  const sign = isDescending ? -1 : 1;
  const compare = (a: string, b: string): number => sign * (a === b ? 0 : a < b ? -1 : 1);
  const keyed = tags.map((tag) => ({ tag, key: keyOf(tag) })).sort((a, b) => compare(a.key, b.key));
  const size = Number(query.get('n') ?? DEFAULT_PAGE);
  const [last, before] = [query.get('last'), query.get('before')];
  const rest = keyed.filter(
    ({ key }) =>
      (last === null || compare(key, fromMarker(last)) > 0) &&
      (before === null || compare(key, fromMarker(before)) < 0),
  );
  const page = before === null ? rest.slice(0, size) : rest.slice(-size);
  const [first, end] = [page[0], page.at(-1)];
  const links: PageLink[] = [];
  if (first !== undefined && first !== keyed[0])
    links.push({ rel: 'previous', parameter: 'before', marker: toMarker(first.key) });
  if (end !== undefined && end !== keyed.at(-1))
    links.push({ rel: 'next', parameter: 'last', marker: toMarker(end.key) });
  return { page: page.map(({ tag }) => tag), links };
}

/** Returns the answer to a parameter that GitLab refuses. */
function wrongParameter(query: URLSearchParams): CannedAnswer | undefined {
  const size = query.get('n');
  if (size !== null && !/^-?\d+$/.test(size)) return refusal('TYPE', "the 'n' query parameter must be an integer");
  if (size !== null && (Number(size) < 1 || Number(size) > LARGEST_PAGE))
    return refusal('VALUE', `the 'n' query parameter must be a value between 1 and ${LARGEST_PAGE}`);
  if (query.has('last') && query.has('before'))
    return refusal('VALUE', "the 'last' and 'before' query parameters are mutually exclusive");
  if (query.has('name') && query.has('name_exact'))
    return refusal('VALUE', "the 'name' and 'name_exact' query parameters are mutually exclusive");
  if (query.has('name') && !TAG_FILTER.test(query.get('name') ?? ''))
    return refusal('VALUE', "the 'name' query parameter must match the pattern of a tag name");
  if (!SORTS.has(query.get('sort') ?? 'name'))
    return refusal('VALUE', `the 'sort' query parameter must be one of ${[...SORTS].join(', ')}`);
  return undefined;
}

export function refusal(what: 'TYPE' | 'VALUE', detail: string): CannedAnswer {
  const message = `invalid query parameter ${what.toLowerCase()}`;
  return { status: 400, body: { errors: [{ code: `INVALID_QUERY_PARAMETER_${what}`, message, detail }] } };
}
