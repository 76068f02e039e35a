import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CannedAnswer, startGitlabRegistry } from './gitlab-registry.ts';
import { type LabMember, type LabProject, respondAsRest } from './gitlab-rest.ts';
import type { LabRegistry } from './registry.ts';
import { relay } from './relay.ts';
import { serve } from './serve.ts';
import type { LabTokenService } from './token-service.ts';

/* A stand-in for GitLab and its registry, in front of a real registry and the lab's token service:
 *
 *   url            /jwt/auth     forwarded to the token service
 *                  /api/v4/      answered by gitlab-rest.ts
 *   registryUrl    /gitlab/v1/   answered by gitlab-registry.ts, with data from the real registry
 *                  others        forwarded to the real registry; the realm in challenges becomes `url`/jwt/auth */

export interface LabGitlab {
  /** The value for `gitlab_base_url`. */
  readonly url: string;
  /** The value for `registry_base_url`. */
  readonly registryUrl: string;
  readonly projects: LabProject[];
  readonly faults: GitlabFaults;
  /** The number of requests of each kind since the start or the last `forgetCounts`. */
  counts(): Readonly<Partial<Record<RequestKind, number>>>;
  forgetCounts(): void;
  /** The distinct authentication headers that clients sent to the REST API. */
  readonly seenTokens: ReadonlySet<string>;
  stop(): Promise<void>;
}

export type RequestKind =
  | 'token'
  | 'rest group'
  | 'rest project'
  | 'rest projects'
  | 'rest other'
  | 'gitlab probe'
  | 'gitlab tags'
  | 'gitlab other'
  | 'ping'
  | 'catalog'
  | 'tags'
  | 'manifest HEAD'
  | 'manifest GET'
  | 'registry other'
  /** Requests that were redirected to the path with a final slash, counted in addition to their own kind. */
  | 'without slash';

/** The faults to inject and the set-up of the registry. Tests may change them at any time. */
export interface GitlabFaults {
  /** Whether the registry has a metadata database. */
  hasDatabase: boolean;
  /** The number of requests to the REST API that still get 429. */
  tooManyTimes: number;
  retryAfterSeconds: number;
  /** Returns a response for a request to the REST API or `/gitlab/v1/`; undefined for the usual one. */
  answer?: ((url: URL) => CannedAnswer | undefined) | undefined;
  /** Returns the times of a tag; undefined for the usual ones: created in 2024, and never updated. */
  tagTimes?:
    | ((repository: string, tag: string) => { readonly created_at: string; readonly updated_at?: string } | undefined)
    | undefined;
  /** GitLab's external URL, which its links and redirects start with. */
  externalUrl?: string | undefined;
}

export interface LabGitlabOptions {
  readonly registry: LabRegistry;
  readonly tokens: LabTokenService;
  /** The users of `tokens`. */
  readonly users: readonly LabMember[];
  readonly projects: readonly LabProject[];
}

export async function startGitlab({ registry, tokens, users, projects }: LabGitlabOptions): Promise<LabGitlab> {
  const counted = new Map<RequestKind, number>();
  const count = (kind: RequestKind): void => void counted.set(kind, (counted.get(kind) ?? 0) + 1);
  const faults: GitlabFaults = { hasDatabase: true, tooManyTimes: 0, retryAfterSeconds: 0 };
  const seenTokens = new Set<string>();
  const here = [...projects];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', web.url);
    if (!url.pathname.startsWith('/api/v4/')) {
      count('token');
      return relay(request, response, tokens.url);
    }
    count(restKind(url.pathname));
    for (const name of ['private-token', 'authorization', 'job-token']) {
      const value = request.headers[name];
      if (typeof value === 'string') seenTokens.add(`${name}: ${value}`);
    }
    const { status, headers, body } =
      tooMany(faults) ?? faults.answer?.(url) ?? respondAsRest(request, url, { users, projects: here, faults });
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  const web = await serve((request, response) => void answer(request, response));
  const registryServer = await startGitlabRegistry({ registry, tokens, realm: `${web.url}/jwt/auth`, faults, count });
  return {
    url: web.url,
    registryUrl: registryServer.url,
    projects: here,
    faults,
    seenTokens,
    counts: () => Object.fromEntries(counted),
    forgetCounts: () => counted.clear(),
    async stop() {
      await Promise.all([web.stop(), registryServer.stop()]);
    },
  };
}

function restKind(path: string): RequestKind {
  if (path === '/api/v4/projects') return 'rest projects';
  const [, what] = /^\/api\/v4\/(group|project)s\/[^/]+\/registry\/repositories$/.exec(path) ?? [];
  return what === undefined ? 'rest other' : what === 'group' ? 'rest group' : 'rest project';
}

/** Returns GitLab's rate limit response: plain text, and `RateLimit-Reset` is a time, not a duration. */
function tooMany(faults: GitlabFaults): CannedAnswer | undefined {
  if (faults.tooManyTimes <= 0) return undefined;
  faults.tooManyTimes--;
  const resetAt = Math.floor(Date.now() / 1000) + 60;
  return {
    status: 429,
    headers: {
      'content-type': 'text/plain',
      'retry-after': String(faults.retryAfterSeconds),
      'ratelimit-limit': '60',
      'ratelimit-name': 'throttle_authenticated_api',
      'ratelimit-observed': '61',
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(resetAt),
      'ratelimit-resettime': new Date(resetAt * 1000).toUTCString(),
    },
    body: 'Retry later\n',
  };
}
