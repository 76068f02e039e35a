import { hash } from 'node:crypto';
import { createServer } from '../src/api/server.ts';
import { createTokens } from '../src/auth/tokens.ts';
import { GraphBuilder } from '../src/domain/graph/graph-builder.ts';
import type { Descriptor } from '../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../src/domain/names.ts';
import type { RepositoryResult, TagResult } from '../src/domain/snapshot/crawl-result.ts';
import type { Snapshot } from '../src/domain/snapshot/snapshot.ts';
import { toSnapshot } from '../src/domain/snapshot/to-snapshot.ts';
import { TIMEOUTS } from '../src/http/listener.ts';
import { createNotificationReader } from '../src/registry/notification-envelope.ts';
import { largeRepositoryName, SECRET_KEY } from './large-registry.ts';

/* A program: the HTTP API with the snapshot of a large registry that exists only in memory, without limits on the number of requests.
 *
 *   node large-server.ts PORT TAGS GAPS */

const TAGS_PER_REPOSITORY = 100;
const OWN_LAYERS = 4;
const SHARED_LAYERS = 6;

/** Returns a snapshot with that many tags that could be read, and as many further ones that could not. */
function largeSnapshot(tagsCount: number, gapsCount: number): Snapshot {
  const builder = new GraphBuilder();
  const layer = (name: string): Descriptor => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: digestOf(name),
    sizeBytes: 1000 + (name.length % 7),
  });
  const tagOf = (repository: number, i: number): TagResult => {
    const name = `release-${i}.${repository % 50}.0-build${(repository * 7919 + i * 104_729) % 99_991}` as TagName;
    const own = Array.from({ length: OWN_LAYERS }, (_, n) => layer(`${repository} ${i} ${n}`));
    const shared = Array.from({ length: SHARED_LAYERS }, (_, n) => layer(`${repository % 500} base ${n}`));
    const root = builder.addManifest(digestOf(`manifest ${repository} ${i}`), 1500, {
      kind: 'image',
      mediaType: MANIFEST_TYPES.ociManifest,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(`${repository} ${i}`),
        sizeBytes: 7000,
      },
      layers: [...shared, ...own],
    });
    return { name, root, lastPulledAt: undefined };
  };
  const brokenTag = (repository: RepositoryName, i: number): TagResult => {
    const name = `broken-${i}` as TagName;
    const reason = 'the registry lists the tag but does not have its manifest';
    return {
      name,
      root: undefined,
      lastPulledAt: undefined,
      gap: { repository, reference: name, code: 'missing', reason },
    };
  };
  const repositoriesCount = Math.ceil(tagsCount / TAGS_PER_REPOSITORY);
  const gapsPerRepository = Math.ceil(gapsCount / repositoriesCount);
  const repositories = Array.from({ length: repositoriesCount }, (_, repository): RepositoryResult => {
    const name = largeRepositoryName(repository) as RepositoryName;
    const tags = Array.from({ length: TAGS_PER_REPOSITORY }, (_, i) => tagOf(repository, i));
    const broken = Array.from({ length: gapsPerRepository }, (_, i) => brokenTag(name, i));
    return { name, tags: [...tags, ...broken], gap: undefined, staleSince: undefined };
  });
  return toSnapshot({
    graph: builder.build(),
    repositories,
    garbageCollector: { engine: 'distribution-3', reason: 'chosen for the benchmark' },
    illegal: new Set(),
    startedAt: 0,
    finishedAt: 0,
  });
}

function digestOf(text: string): Digest {
  return `sha256:${hash('sha256', text)}` as Digest;
}

const [, , port = '0', tagsCount = '100000', gapsCount = '40000'] = process.argv;
const snapshot = largeSnapshot(Number(tagsCount), Number(gapsCount));
const snapshots = { latest: () => snapshot };
const clock = Date.now;
const scheduler = {
  status: () => ({
    running: undefined,
    failure: undefined,
    lastFinishedAt: 0,
    recrawlQueueLength: 0,
    nextAt: undefined,
  }),
  stats: () => ({}) as never,
  request: () => 'running' as const,
};
const server = createServer({
  prefix: '',
  version: '0',
  corsOrigins: '*',
  snapshots,
  scheduler,
  notificationReader: createNotificationReader({ product: 'bench', clock }),
  notifications: { changed: () => undefined, pulled: () => undefined },
  events: { secret: undefined },
  metrics: undefined,
  metricsToken: undefined,
  clock,
  signIn: { signIn: async () => ({ status: 'refused' }) },
  tokens: createTokens({ secretKey: SECRET_KEY, expiresInSeconds: 86_400, clock }),
  log: { isLevelEnabled: () => false, debug: () => undefined, info: () => undefined, error: console.error },
  http: {
    limits: { connections: 0, connectionsPerAddress: 0, requestsPerAddress: 0, requestsPerUser: 0 },
    timeouts: TIMEOUTS,
    trustedProxies: [],
    allowedHosts: undefined,
    tls: undefined,
    steadyClock: () => performance.now(),
  },
});
await server.listen({ host: '127.0.0.1', port: Number(port) });
