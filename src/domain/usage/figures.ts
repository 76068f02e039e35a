import type { Figures } from '../snapshot/snapshot.ts';
import type { Usage } from './usage.ts';

/**
 * What is known of a node: unknown where none of its tags could be read, or where nobody knows whether it has any.
 *
 * @param isListed whether the tags of every repository at and below the node could be listed
 */
export function figuresOf(usage: Usage, node: number, isListed: boolean): Figures {
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
    tagsCount,
    isComplete: isListed && knownTagsCount === tagsCount && usage.incompleteTagsCount[node] === 0,
  };
}
