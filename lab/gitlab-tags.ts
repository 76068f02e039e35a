import type { CannedAnswer } from './gitlab-registry.ts';
import type { UpstreamRegistry } from './gitlab-upstream.ts';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;
const PARALLEL_REQUESTS = 32;
const TAG_FILTER = /^[a-zA-Z0-9._-]{1,128}$/;

/** Answers `GET /gitlab/v1/repositories/<path>/tags/list/`. */
export async function listTags(url: URL, repository: string, upstream: UpstreamRegistry): Promise<CannedAnswer> {
  const query = url.searchParams;
  const tags = await upstream.tags(repository);
  if ('status' in tags) return tags;
  const wrong = wrongParameter(query);
  if (wrong !== undefined) return invalid(wrong);
  const exactly = query.get('name_exact');
  const named = tags.filter((tag) => tag.includes(query.get('name') ?? '') && (exactly ?? tag) === tag);
  const isDescending = query.get('sort') === '-name';
  const { page, links } = pageOf(isDescending ? named.reverse() : named, query, isDescending);
  const items: object[] = [];
  for (let at = 0; at < page.length; at += PARALLEL_REQUESTS) {
    const some = await Promise.all(
      page.slice(at, at + PARALLEL_REQUESTS).map((tag) => upstream.details(repository, tag)),
    );
    items.push(...some.filter((item) => item !== undefined));
  }
  const link = links.map(
    ({ rel, parameter, tag }) => `<${url.pathname}?${new URLSearchParams({ [parameter]: tag })}>; rel="${rel}"`,
  );
  return { status: 200, body: items, headers: link.length > 0 ? { link: link.join(', ') } : {} };
}

/** Answers `GET /v2/<name>/tags/list` of a registry with a database: a page of any requested size, and `null` instead of an empty list. */
export function pageOfProtocol(url: URL, repository: string, tags: readonly string[]): CannedAnswer {
  const { page, links } = pageOf(tags, url.searchParams, false);
  const size = url.searchParams.get('n');
  const next = links.find(({ rel }) => rel === 'next');
  const query = next && new URLSearchParams({ last: next.tag, ...(size !== null && { n: size }) });
  return {
    status: 200,
    headers: query ? { link: `<${url.pathname}?${query}>; rel="next"` } : {},
    body: { name: repository, tags: page.length > 0 ? page : null },
  };
}

interface PageLink {
  readonly rel: 'next' | 'previous';
  readonly parameter: 'last' | 'before';
  readonly tag: string;
}

interface TagPage {
  readonly page: readonly string[];
  readonly links: readonly PageLink[];
}

function pageOf(tags: readonly string[], query: URLSearchParams, isDescending: boolean): TagPage {
  const size = Number(query.get('n') ?? DEFAULT_PAGE);
  const [last, before] = [query.get('last'), query.get('before')];
  const isAfter = (tag: string, marker: string): boolean => (isDescending ? tag < marker : tag > marker);
  const rest = tags.filter((tag) => (last === null || isAfter(tag, last)) && (before === null || isAfter(before, tag)));
  const page = before === null ? rest.slice(0, size) : rest.slice(-size);
  const [first, end] = [page[0], page.at(-1)];
  const links: PageLink[] = [];
  if (first !== undefined && first !== tags[0]) links.push({ rel: 'previous', parameter: 'before', tag: first });
  if (end !== undefined && end !== tags.at(-1)) links.push({ rel: 'next', parameter: 'last', tag: end });
  return { page, links };
}

/** Returns the name of a parameter that GitLab refuses. Sorting by time is not implemented here. */
function wrongParameter(query: URLSearchParams): string | undefined {
  const size = query.get('n');
  if (size !== null && !(/^\d+$/.test(size) && Number(size) >= 1 && Number(size) <= LARGEST_PAGE)) return 'n';
  if (query.has('last') && query.has('before')) return 'last';
  if (query.has('name') && (query.has('name_exact') || !TAG_FILTER.test(query.get('name') ?? ''))) return 'name';
  return ['name', '-name'].includes(query.get('sort') ?? 'name') ? undefined : 'sort';
}

function invalid(parameter: string): CannedAnswer {
  const message = 'the value of a query parameter is invalid';
  return { status: 400, body: { errors: [{ code: 'INVALID_QUERY_PARAMETER_VALUE', message, detail: { parameter } }] } };
}
