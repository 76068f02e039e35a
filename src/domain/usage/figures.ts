import type { Figures, Snapshot } from '../snapshot/snapshot.ts';
import type { Usage } from './usage.ts';

/**
 * Returns the figures of a node. They are unknown if none of its tags could be read, or if it has none that are known and some could not be listed.
 *
 * @param isListed whether the tags of every repository at and below the node could be listed
 * @param isEngineKnown whether the garbage collector is known; without it, nothing tells whether the registry has a database
 */
export function figuresOf(usage: Usage, node: number, isListed: boolean, isEngineKnown: boolean): Figures {
  const tagsCount = usage.tagsCount[node] ?? 0;
  const knownTagsCount = usage.knownTagsCount[node] ?? 0;
  const isKnown = tagsCount === 0 ? isListed : knownTagsCount > 0;
  const read = (bytes: Float64Array): number | null => (isKnown ? (bytes[node] ?? 0) : null);
  return {
    sizeBytes: read(usage.sizeBytes),
    diskSizeBytes: read(usage.diskSizeBytes),
    deduplicatedBytes: read(usage.deduplicatedBytes),
    reclaimableBytes: read(usage.reclaimableBytes),
    metadataBytes: read(usage.metadataBytes),
    databaseBytes: isEngineKnown ? read(usage.databaseBytes) : null,
    tagsCount,
    isComplete: isListed && knownTagsCount === tagsCount && usage.incompleteCount[node] === 0,
  };
}

/** The names of the figures that every node has, in the order in which they are listed. Later ones come at the end of the CSV columns. */
export const FIGURE_NAMES = [
  'size',
  'disk_size',
  'deduplicated_bytes',
  'reclaimable_bytes',
  'shared_bytes',
  'metadata_bytes',
  'tags_count',
  'complete',
] as const;

/** Returns the bytes of the blobs that the node keeps and others keep too; null if that is unknown. */
export function sharedBytes({ deduplicatedBytes, reclaimableBytes }: Figures): number | null {
  return deduplicatedBytes === null || reclaimableBytes === null ? null : deduplicatedBytes - reclaimableBytes;
}

/** Returns the number of repositories whose figures are of an earlier crawl, because the last crawl could not read them. */
export function countStale({ repositories }: Pick<Snapshot, 'repositories'>): number {
  return repositories.reduce((count, { staleSince }) => count + (staleSince === null ? 0 : 1), 0);
}
