import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CannedAnswer, startGitlabRegistry } from './gitlab-registry.ts';
import { type LabMember, type LabProject, respondAsRest } from './gitlab-rest.ts';
import type { LabRegistry } from './registry.ts';
import { relay } from './relay.ts';
import { serve } from './serve.ts';
import type { LabTokenService } from './token-service.ts';

/* A stand-in for GitLab and its registry, in front of a real registry and the lab's token service:
 *
 *   url            /jwt/auth     ──> the token service
 *                  /api/v4/      what gitlab-rest.ts answers
 *   registryUrl    /gitlab/v1/   what gitlab-registry.ts answers, from what it asks the real registry
 *                  everything    ──> the real registry, its token service named as `url`/jwt/auth */

export interface LabGitlab {
  /** What `gitlab_base_url` is to be. */
  readonly url: string;
  /** What `registry_base_url` is to be. */
  readonly registryUrl: string;
  readonly projects: LabProject[];
  readonly faults: GitlabFaults;
  /** How many requests of each kind there were since the start, or since they were forgotten. */
  counts(): Readonly<Partial<Record<RequestKind, number>>>;
  forgetCounts(): void;
  /** The headers by which a client told the REST API who it is, each once. */
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
  /** Those that were sent on to the same path with a slash; counted besides. */
  | 'without slash';

/** What goes wrong on purpose, and how the registry was set up; may be changed at any time. */
export interface GitlabFaults {
  /** Whether the registry keeps a metadata database. */
  hasDatabase: boolean;
  /** Answers 429 to that many requests of the REST API. */
  tooManyTimes: number;
  retryAfterSeconds: number;
  /** Answers a request of the REST API or of `/gitlab/v1/` with that, where it says so. */
  answer?: ((url: URL) => CannedAnswer | undefined) | undefined;
  /** What GitLab takes its own address for; links and redirects lead there. */
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
  const inFront = await startGitlabRegistry({ registry, tokens, realm: `${web.url}/jwt/auth`, faults, count });
  return {
    url: web.url,
    registryUrl: inFront.url,
    projects: here,
    faults,
    seenTokens,
    counts: () => Object.fromEntries(counted),
    forgetCounts: () => counted.clear(),
    async stop() {
      await Promise.all([web.stop(), inFront.stop()]);
    },
  };
}

function restKind(path: string): RequestKind {
  if (path === '/api/v4/projects') return 'rest projects';
  const [, what] = /^\/api\/v4\/(group|project)s\/[^/]+\/registry\/repositories$/.exec(path) ?? [];
  return what === undefined ? 'rest other' : what === 'group' ? 'rest group' : 'rest project';
}

/** GitLab's answer to whoever asks too often: plain text, and `RateLimit-Reset` a time and no duration. */
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
