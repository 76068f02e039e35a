import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { GitlabFaults, RequestKind } from './gitlab.ts';
import { describeRepository } from './gitlab-details.ts';
import { listTags, pageOfProtocol } from './gitlab-tags.ts';
import { createUpstreamRegistry, type UpstreamRegistry } from './gitlab-upstream.ts';
import type { LabRegistry } from './registry.ts';
import { relay } from './relay.ts';
import { type Served, serve } from './serve.ts';
import type { LabTokenService } from './token-service.ts';

/* A stand-in for GitLab's registry with a metadata database, built on a real registry (container-registry, docs/spec/gitlab/api.md). It has
 * the same traps for clients: it redirects paths without a final slash, returns a hundred tags per page by default, also under `/v2/`, sends
 * relative links that lose some parameters, and reports 0 bytes for an index. Its catalogue omits repositories without manifests. */

export interface CannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface GitlabRegistryOptions {
  readonly registry: LabRegistry;
  readonly tokens: LabTokenService;
  /** The realm that the registry names in its challenges, in place of the real token service's. */
  readonly realm: string;
  readonly faults: GitlabFaults;
  readonly count: (kind: RequestKind) => void;
}

const VERSION = '4.39.0-gitlab';

export function startGitlabRegistry(options: GitlabRegistryOptions): Promise<Served> {
  const { registry, faults, count } = options;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://lab.invalid');
    const upstream = createUpstreamRegistry(options, request.headers.authorization);
    count(kindOf(request.method, url.pathname));
    const isOwn = url.pathname.startsWith('/gitlab/v1');
    const canned = isOwn
      ? await respond(url, upstream)
      : faults.hasDatabase
        ? await respondFromDatabase(url, upstream)
        : undefined;
    if (canned === undefined) {
      const isPing = url.pathname === '/v2/';
      return relay(request, response, registry.url, (headers, status) => changed(headers, isPing && status === 200));
    }
    const isJson = typeof canned.body === 'object';
    const headers = { ...(isJson && { 'content-type': 'application/json' }), ...canned.headers };
    response.writeHead(canned.status, headers).end(isJson ? JSON.stringify(canned.body) : canned.body);
  }

  /** Replaces the realm in the headers of the real registry and adds the headers that only GitLab sends. */
  function changed(headers: IncomingHttpHeaders, isAuthorizedPing: boolean): IncomingHttpHeaders {
    const challenge = headers['www-authenticate']?.replace(options.tokens.realm, options.realm);
    return {
      ...headers,
      ...(challenge && { 'www-authenticate': challenge }),
      ...(isAuthorizedPing && {
        'gitlab-container-registry-version': VERSION,
        'gitlab-container-registry-features': 'tag_delete',
        'gitlab-container-registry-database-enabled': String(faults.hasDatabase),
      }),
    };
  }

  async function respond(url: URL, upstream: UpstreamRegistry): Promise<CannedAnswer> {
    if (url.pathname === '/gitlab/v1') return NOT_FOUND;
    if (!url.pathname.endsWith('/')) {
      count('without slash');
      return { status: 301, headers: { location: `${url.pathname}/${url.search}` } };
    }
    const fault = faults.answer?.(url);
    if (fault !== undefined) return fault;
    if (!faults.hasDatabase) return { status: 404 };
    const { pathname } = url;
    if (pathname === '/gitlab/v1/') return (await upstream.refusal('v2/')) ?? { status: 200, body: {} };
    // The router takes the end of a repository such as `a/tags/list` for its own, and then demands access to `a`.
    const [, listed] = /^\/gitlab\/v1\/repositories\/(.+)\/tags\/list\/$/.exec(pathname) ?? [];
    if (listed !== undefined) return listTags(url, listed, upstream);
    const [, repository] = /^\/gitlab\/v1\/repositories\/(.+)\/$/.exec(pathname) ?? [];
    return repository === undefined
      ? NOT_FOUND
      : describeRepository(url.searchParams, repository, upstream, options.realm);
  }

  return serve((request, response) => void answer(request, response).catch(() => response.destroy()));
}

/** Go's answer to a path that its router does not know. */
const NOT_FOUND: CannedAnswer = {
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: '404 page not found\n',
};

/**
 * Returns the catalogue, or a page of the protocol's own tag list, which has pages too with a database. Undefined: the real registry handles the
 * request.
 */
async function respondFromDatabase(url: URL, upstream: UpstreamRegistry): Promise<CannedAnswer | undefined> {
  if (url.pathname === '/v2/_catalog') return upstream.catalogue(url.search);
  const [, repository] = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname) ?? [];
  if (repository === undefined) return undefined;
  const tags = await upstream.tags(repository);
  return 'status' in tags ? tags : pageOfProtocol(url, repository, tags);
}

function kindOf(method: string | undefined, path: string): RequestKind {
  if (path === '/gitlab/v1/') return 'gitlab probe';
  if (path.startsWith('/gitlab/v1')) return /\/tags\/list\/?$/.test(path) ? 'gitlab tags' : 'gitlab other';
  if (path === '/v2/') return 'ping';
  if (path === '/v2/_catalog') return 'catalog';
  if (path.endsWith('/tags/list')) return 'tags';
  if (!/\/manifests\/[^/]+$/.test(path)) return 'registry other';
  return method === 'HEAD' ? 'manifest HEAD' : 'manifest GET';
}
