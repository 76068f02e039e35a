import type { IncomingMessage } from 'node:http';
import type { GitlabFaults } from './gitlab.ts';
import type { CannedAnswer } from './gitlab-registry.ts';
import type { LabUser } from './token-service.ts';

/* A stand-in for the part of GitLab's REST API v4 that lists repositories (see GitLab's pages "Container registry", "Projects" and
 * "Pagination"). It has the same traps for clients: 404 for projects that the user may not see, groups that list repositories that the user may
 * not read, absolute links, keyset pagination that ends with an empty page, redirects for moved projects, missing totals. */

/** A user and the scope of the access token. */
export interface LabMember extends LabUser {
  /** Whether the token has only the scope `read_registry`, with which the API refuses all requests. */
  readonly isForRegistryOnly?: boolean;
}

export interface LabProject {
  readonly id: number;
  /** The full path in its original case: groups, then the name of the project. */
  readonly path: string;
  /** The names of the repositories in the registry. */
  readonly repositories: readonly string[];
  /** User names. */
  readonly members: readonly string[];
  readonly isRegistryOff?: boolean;
  /** The path before the project was moved. */
  readonly formerPath?: string;
}

interface Rest {
  readonly users: readonly LabMember[];
  readonly projects: readonly LabProject[];
  readonly faults: GitlabFaults;
}

const json = { 'content-type': 'application/json' };
const refused = (status: number, message: string): CannedAnswer => ({ status, headers: json, body: { message } });
const NOT_FOUND = (what: string): CannedAnswer => refused(404, `404 ${what} Not Found`);

export function respondAsRest(request: IncomingMessage, url: URL, rest: Rest): CannedAnswer {
  const user = rest.users.find(({ accessToken }) => accessToken === request.headers['private-token']);
  if (user === undefined) return refused(401, '401 Unauthorized');
  if (user.isForRegistryOnly) {
    const body = {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges.',
      scope: 'api read_api',
    };
    return { status: 403, headers: json, body };
  }
  if (url.pathname === '/api/v4/projects') return listProjects(url, user, rest);
  const [, what, id = ''] = /^\/api\/v4\/(groups|projects)\/([^/]+)\/registry\/repositories$/.exec(url.pathname) ?? [];
  if (what === 'groups') return listGroup(decodeURIComponent(id), url, user, rest);
  return what === 'projects' ? listProject(decodeURIComponent(id), url, user, rest) : NOT_FOUND('');
}

/** Lists projects. With keyset pagination, each page with content has a next page, so the last page is empty. */
function listProjects(url: URL, user: LabMember, { projects, faults }: Rest): CannedAnswer {
  const query = url.searchParams;
  const isMine = (project: LabProject): boolean =>
    query.get('membership') !== 'true' || project.members.includes(user.username);
  const mine = projects.filter(isMine).sort((a, b) => a.id - b.id);
  const shown = ({ id, path }: LabProject): object => ({ id, path_with_namespace: path });
  if (query.get('pagination') !== 'keyset') return offsetPage(mine.map(shown), url, faults);
  if (query.get('order_by') !== 'id')
    return { status: 405, headers: json, body: { error: 'order_by is not supported' } };
  const after = Number(query.get('id_after') ?? 0);
  const page = mine.filter(({ id }) => id > after).slice(0, pageSize(query));
  const last = page.at(-1);
  const link = last && { link: linkTo(url, { id_after: String(last.id) }, 'next', faults) };
  return { status: 200, headers: { ...json, ...link }, body: page.map(shown) };
}

/** Lists all repositories below a group, including those that the user may not read. */
function listGroup(path: string, url: URL, user: LabMember, { projects, faults }: Rest): CannedAnswer {
  const below = projects.filter((project) => project.path.toLowerCase().startsWith(`${path.toLowerCase()}/`));
  const isShown = user.isAdmin || below.some(({ members }) => members.includes(user.username));
  if (below.length === 0 || !isShown) return NOT_FOUND('Group');
  const listed = below.filter(({ isRegistryOff }) => !isRegistryOff).flatMap((project) => repositoriesOf(project));
  return offsetPage(listed, url, faults);
}

function listProject(id: string, url: URL, user: LabMember, { projects, faults }: Rest): CannedAnswer {
  const isCalled = (path: string | undefined): boolean => path?.toLowerCase() === id.toLowerCase();
  const project = projects.find((candidate) => String(candidate.id) === id || isCalled(candidate.path));
  const moved = projects.find(({ formerPath }) => isCalled(formerPath));
  const found = project ?? moved;
  if (found === undefined || !(user.isAdmin || found.members.includes(user.username))) return NOT_FOUND('Project');
  if (project === undefined) {
    const target = new URL(
      `/api/v4/projects/${found.id}/registry/repositories${url.search}`,
      faults.externalUrl ?? url,
    );
    return {
      status: 301,
      headers: { ...json, location: target.href },
      body: { message: 'This resource has been moved permanently' },
    };
  }
  if (project.isRegistryOff) return NOT_FOUND('Container Registry');
  return offsetPage(repositoriesOf(project), url, faults);
}

function repositoriesOf({ id, path, repositories }: LabProject): readonly object[] {
  return repositories.map((name, at) => ({
    id: id * 1000 + at,
    name: name.slice(path.length + 1),
    path: name,
    project_id: id,
    location: `registry.invalid/${name}`,
    created_at: '2024-05-06T07:08:09.000Z',
    cleanup_policy_started_at: null,
    status: null,
  }));
}

/** For longer lists, GitLab omits the total and the link to the last page. */
const MAX_COUNTED = 10_000;

function offsetPage(items: readonly object[], url: URL, faults: GitlabFaults): CannedAnswer {
  const size = pageSize(url.searchParams);
  const page = Math.max(1, Number(url.searchParams.get('page') ?? 1));
  const lastPage = Math.max(1, Math.ceil(items.length / size));
  const isCounted = items.length <= MAX_COUNTED;
  const pages = { prev: page - 1, next: page < lastPage ? page + 1 : 0, first: 1, last: isCounted ? lastPage : 0 };
  const links = Object.entries(pages).filter(([, number]) => number > 0);
  const headers = {
    ...json,
    'x-page': String(page),
    'x-per-page': String(size),
    'x-next-page': pages.next > 0 ? String(pages.next) : '',
    'x-prev-page': pages.prev > 0 ? String(pages.prev) : '',
    ...(isCounted && { 'x-total': String(items.length), 'x-total-pages': String(lastPage) }),
    link: links
      .map(([rel, number]) => linkTo(url, { page: String(number), per_page: String(size) }, rel, faults))
      .join(', '),
  };
  return { status: 200, headers, body: items.slice((page - 1) * size, page * size) };
}

function pageSize(query: URLSearchParams): number {
  return Math.min(100, Number(query.get('per_page') ?? 20));
}

/** Returns an absolute link, which starts with the external URL of GitLab. */
function linkTo(
  url: URL,
  changes: Readonly<Record<string, string>>,
  rel: string,
  { externalUrl }: GitlabFaults,
): string {
  const target = new URL(url.pathname + url.search, externalUrl ?? url);
  for (const [name, value] of Object.entries(changes)) target.searchParams.set(name, value);
  return `<${target.href}>; rel="${rel}"`;
}
