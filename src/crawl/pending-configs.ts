import { imageConfigAt } from '../domain/graph/blob-facts.ts';
import { imageConfigOf } from '../domain/graph/graph.ts';
import { blobsOf } from '../domain/graph/reachable-blobs.ts';
import type { Digest, RepositoryName } from '../domain/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { CrawlPorts } from './crawl-ports.ts';
import { unlessUnavailable } from './gap-from-error.ts';
import { forEachConcurrently } from './worker-pool.ts';

/** The config of an image that was not read, and a repository that holds it. */
export interface PendingConfig {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** Returns every config of an image that was not read, once. The time is linear in what all tags keep. */
export function pendingConfigs({ contents, repositories }: Snapshot): readonly PendingConfig[] {
  const { graph, repositoryOf } = contents;
  const { kept } = contents.usage;
  const isSeen = new Uint8Array(kept.start.length);
  const found = new Map<number, PendingConfig>();
  for (const [position, number] of kept.ofTag.entries()) {
    if (number === -1 || isSeen[number] === 1) continue;
    isSeen[number] = 1;
    const repository = repositories[repositoryOf[position] ?? 0]?.name;
    if (repository === undefined) continue;
    for (const node of blobsOf(kept, number)) {
      const config = imageConfigOf(graph, node);
      if (config === undefined || found.has(config) || imageConfigAt(graph, config) !== undefined) continue;
      found.set(config, { repository, digest: graph.digests.at(config) });
    }
  }
  return [...found.values()];
}

/** Reads these configs into the cache. One that cannot be read is no gap: the image has no creation time then, but its size is known. */
export async function readConfigs(
  { registry, manifestCache }: Pick<CrawlPorts, 'registry' | 'manifestCache'>,
  pending: readonly PendingConfig[],
  { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal },
): Promise<void> {
  const ended = new AbortController();
  const all = AbortSignal.any([signal, ended.signal]);
  await forEachConcurrently(pending, { concurrency, ended }, async ({ repository, digest }) => {
    if ((await manifestCache.imageConfigs([digest])).has(digest)) return; // read before the service was stopped
    const config = await registry.imageConfig(repository, digest, all).catch(unlessUnavailable);
    if (config !== undefined) await manifestCache.saveImageConfig(digest, config);
  });
}
