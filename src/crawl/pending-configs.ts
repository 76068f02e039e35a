import { imageConfigAt } from '../domain/graph/blob-facts.ts';
import { imageConfigOf } from '../domain/graph/graph.ts';
import { blobsOf } from '../domain/graph/reachable-blobs.ts';
import type { Digest, RepositoryName } from '../domain/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { type Resumable, ranges } from '../lib/resumable.ts';
import type { CrawlPorts } from './crawl-ports.ts';
import { unlessUnavailable } from './gap-from-error.ts';
import { forEachConcurrently } from './worker-pool.ts';

/** The config of an image that was not read, and a repository that holds it. */
export interface PendingConfig {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

const TAGS_PER_STEP = 500;

/** Returns every config of an image that was not read, once. The time is linear in what all tags keep, in steps of about a millisecond. */
export function* pendingConfigs({ contents, repositories }: Snapshot): Resumable<readonly PendingConfig[]> {
  const { graph, repositoryOf } = contents;
  const { kept } = contents.usage;
  const isSeen = new Uint8Array(kept.start.length);
  const found = new Map<number, PendingConfig>();
  for (const [position, number] of kept.ofTag.entries()) {
    if (number === -1 || isSeen[number] === 1) continue;
    isSeen[number] = 1;
    if (position % TAGS_PER_STEP === 0) yield;
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

const CONFIGS_PER_BATCH = 500;

/** Reads these configs into the cache. One that cannot be read is no gap: the image has no creation time then, but its size is known. */
export async function readConfigs(
  { registry, manifestCache }: Pick<CrawlPorts, 'registry' | 'manifestCache'>,
  pending: readonly PendingConfig[],
  { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal },
): Promise<void> {
  const ended = new AbortController();
  // Recrawls after notifications come first.
  const workers = Math.max(1, Math.floor(concurrency / 4));
  const all = AbortSignal.any([signal, ended.signal]);
  for (const { from, to } of ranges(pending.length, CONFIGS_PER_BATCH)) {
    const batch = pending.slice(from, to);
    const known = await manifestCache.imageConfigs(batch.map(({ digest }) => digest)); // read before the service was stopped
    const missing = batch.filter(({ digest }) => !known.has(digest));
    await forEachConcurrently(missing, { concurrency: workers, ended }, async ({ repository, digest }) => {
      const config = await registry.imageConfig(repository, digest, all).catch(unlessUnavailable);
      if (config !== undefined) await manifestCache.saveImageConfig(digest, config);
    });
  }
}
