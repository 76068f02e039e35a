import type { FastifyInstance } from 'fastify';
import type { ServerOptions } from '../../src/api/server.ts';
import { GraphBuilder } from '../../src/domain/graph/graph-builder.ts';
import type { Descriptor } from '../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { TagResult } from '../../src/domain/snapshot/crawl-result.ts';
import type { FailedRequest, Gap, GapCode, Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { toSnapshot } from '../../src/domain/snapshot/to-snapshot.ts';
import type { AssumedCollector } from '../../src/domain/usage/garbage-collector.ts';
import type { CrawlStatus } from '../../src/ports.ts';
import { NOTHING_CRAWLED } from './sample-crawl-stats.ts';
import { config, digest, layer } from './sample-graph.ts';
import { createTestServer, NO_LIMITS, NOW, type TestServerOptions, TOKEN, WAITING } from './server.ts';

const COLLECTOR: AssumedCollector = {
  engine: 'distribution-3',
  reason: 'tags/list?n=1 returns one tag, as Distribution 3 does; the operator is assumed to use -m',
};

/* The registry of the examples in the OpenAPI document:
 *
 *   base:1                image: base 1000                          group/charts:1.0     a Helm chart
 *   group/app:1.0         image: base 1000, app 200                 group/app:2.0        broken
 *   group/app:latest      index: the same image, and one that is not stored
 *   group/app:sha256-….sig  its signature                           team/tags, team      a name that ends like a path
 *   old                   not readable since the day before         secret               forbidden */
const mediaType = MANIFEST_TYPES.ociManifest;
const FINISHED_AT = NOW - 60_000;
const DAY_MS = 86_400_000;

/** When the tag `1.0` was last pushed. */
const PUBLISHED_AT = NOW - 3 * DAY_MS;

export function describedSnapshot(): Snapshot {
  const builder = new GraphBuilder();
  const image = (name: string, ...layers: Descriptor[]) =>
    builder.addManifest(digest(name), 500, { kind: 'image', mediaType, config, layers });
  const base = image('base image', layer('base', 1000));
  const app = image('app image', layer('base', 1000), layer('app', 200));
  const index = builder.addManifest(digest('app index'), 300, {
    kind: 'index',
    mediaType: MANIFEST_TYPES.ociIndex,
    manifests: [
      { mediaType, digest: digest('app image'), sizeBytes: 500, platform: 'linux/amd64' },
      { mediaType, digest: digest('missing'), sizeBytes: 500, platform: 'linux/arm64' },
    ],
  });
  const chart = builder.addManifest(digest('chart'), 400, {
    kind: 'image',
    mediaType,
    config: { mediaType: 'application/vnd.cncf.helm.config.v1+json', digest: digest('chart config'), sizeBytes: 50 },
    layers: [layer('chart layer', 60)],
  });
  const signature = image('signature', layer('signature layer', 30));
  builder.addImageConfig(config.digest, { createdAt: NOW - 30 * DAY_MS, platform: 'linux/amd64' });
  return toSnapshot({
    graph: builder.build(),
    repositories: [
      repository('base', [tag('1', base, NOW - 2 * DAY_MS)]),
      repository('group/app', [
        {
          ...tag('1.0', app),
          times: { createdAt: NOW - 29 * DAY_MS, updatedAt: PUBLISHED_AT, publishedAt: PUBLISHED_AT },
        },
        tag('latest', index),
        tag(`sha256-${digest('app image').slice('sha256:'.length)}.sig`, signature),
        brokenTag('group/app', '2.0'),
      ]),
      repository('group/charts', [tag('1.0', chart)]),
      repository('old', [tag('1', base)], { code: 'unreadable', reason: 'the registry answers 500' }, NOW - DAY_MS),
      repository('secret', [], { code: 'forbidden', reason: 'the user may not read the repository' }),
      repository('team', [tag('1', base)]),
      repository('team/tags', [tag('1', base)]),
    ],
    garbageCollector: COLLECTOR,
    illegal: new Set(['Not/Legal']),
    startedAt: FINISHED_AT - 42_000,
    finishedAt: FINISHED_AT,
  });
}

function tag(name: string, root: number, lastPulledAt?: number): TagResult {
  return { name: name as TagName, root, lastPulledAt };
}

function brokenTag(repositoryName: string, name: string): TagResult {
  const reference = name as TagName;
  const gap: Gap = { repository: repositoryName, reference, code: 'missing', reason: 'the manifest is not stored' };
  return { name: reference, root: undefined, lastPulledAt: undefined, gap };
}

/** Creates a request that the registry answered with an error, with the registry's code and message if they are known. */
function failedRequest(path: string, status: number, registryCode?: string, registryMessage?: string): FailedRequest {
  const registry = { registryCode: registryCode ?? null, registryMessage: registryMessage ?? null };
  return { method: 'GET', path, status, ...registry };
}

const WORDS: Partial<Record<GapCode, readonly [status: number, code: string, message: string]>> = {
  forbidden: [403, 'DENIED', 'requested access to the resource is denied'],
  unreadable: [500, 'UNKNOWN', 'unknown error'],
};

function repository(name: string, tags: readonly TagResult[], why?: Pick<Gap, 'code' | 'reason'>, staleSince?: number) {
  const words = why && WORDS[why.code];
  const gap: Gap | undefined = why && {
    repository: name,
    ...why,
    ...(words && { request: failedRequest(`/v2/${name}/tags/list`, ...words) }),
    ...(staleSince !== undefined && { staleSince }),
  };
  return { name: name as RepositoryName, tags, gap, staleSince };
}

/** The state of the service at the time of a request. */
export type Situation = 'collected' | 'before' | 'failing' | 'collecting' | 'resting' | 'busy';

const COLLECTING: CrawlStatus = {
  ...WAITING,
  nextAt: undefined,
  lastFinishedAt: FINISHED_AT,
  running: {
    startedAt: NOW - 5000,
    requestsCount: 321,
    progress: { repositoriesFound: 7, repositoriesRead: 3, repositoriesKept: 1, tagsFound: 20, tagsRead: 11 },
    heldUp: { since: NOW - 2000, until: NOW + 58_000 },
  },
};

const FAILING: CrawlStatus = {
  ...WAITING,
  failure: {
    at: NOW - 1000,
    kind: 'unavailable',
    reason: 'the registry answers 502',
    request: failedRequest('/v2/_catalog', 502),
  },
};

/** Returns the options of a server in that situation, with the snapshot of the registry above. */
export function describedOptions(situation: Situation): TestServerOptions {
  const snapshot = situation === 'before' || situation === 'failing' ? undefined : describedSnapshot();
  const state = STATES[situation] ?? WAITING;
  const limits = { ...NO_LIMITS, requestsPerAddress: situation === 'busy' ? 1 : 0 };
  return {
    version: '1.0.0',
    corsOrigins: '*',
    snapshots: { latest: () => snapshot },
    scheduler: {
      status: () => state,
      stats: () => NOTHING_CRAWLED,
      request: () => REQUESTS[situation] ?? 'started',
    },
    tokens: {
      expiresInSeconds: 3600,
      issue: async () => 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.signature',
      verify: async (token) => (token === TOKEN ? { name: 'alice', key: 'alice', visibility: 'all' } : undefined),
      recall: (token) => (token === TOKEN ? { name: 'alice', key: 'alice', visibility: 'all' } : undefined),
    },
    http: { limits },
  };
}

const STATES: Readonly<Partial<Record<Situation, CrawlStatus>>> = { collecting: COLLECTING, failing: FAILING };
const REQUESTS: Readonly<Partial<Record<Situation, ReturnType<ServerOptions['scheduler']['request']>>>> = {
  collecting: 'running',
  resting: { retryAfterMs: 7000 },
};

export function createDescribedServer(situation: Situation, changes: TestServerOptions = {}): FastifyInstance {
  return createTestServer({ ...describedOptions(situation), ...changes }).server;
}
