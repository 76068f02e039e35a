import type { BlobGraph } from '../graph/graph.ts';
import { blobsOf, NO_ROOT } from '../graph/reachable-blobs.ts';
import type { Contents } from '../snapshot/snapshot.ts';
import { withJointDeletions } from './joint-deletions.ts';
import { countKeepers } from './usage.ts';

/** The size of a set of tags, and what deleting exactly this set would free. Bytes are integers; null if none of the tags could be read. */
export interface TagSetFigures {
  readonly deduplicatedBytes: number | null;
  readonly reclaimableBytes: number | null;
  /** The part of `deduplicatedBytes` that is not layers of tags. */
  readonly metadataBytes: number | null;
  /** Whether everything that the tags keep could be read. If not, the figures are lower bounds. */
  readonly isComplete: boolean;
}

/**
 * Returns the figures of any set of tags. A blob is freed if every tag that keeps it is in the set, and no repository keeps it without a tag. The time is
 * linear in what the set keeps.
 *
 * @param tags distinct positions of tags in `roots`, which `usage` was measured from
 */
export function measureTagSet(
  graph: BlobGraph,
  roots: Int32Array,
  { kept, keptByRepository, tagsReaching, isTagLayer, jointDeletions }: Contents['usage'],
  tags: Iterable<number>,
): TagSetFigures {
  const deleted = withJointDeletions(jointDeletions, tags);
  let isComplete = true;
  let knownCount = 0;
  for (const tag of deleted) {
    const isKnown = roots[tag] !== NO_ROOT;
    if (!isKnown || kept.isIncomplete[kept.ofTag[tag] ?? 0] === 1) isComplete = false;
    if (isKnown) knownCount++;
  }
  if (knownCount === 0 && !isComplete) {
    return { deduplicatedBytes: null, reclaimableBytes: null, metadataBytes: null, isComplete };
  }
  const keptWithoutTag = new Set([...keptByRepository.values()].flatMap((number) => [...blobsOf(kept, number)]));
  let deduplicatedBytes = 0;
  let reclaimableBytes = 0;
  let metadataBytes = 0;
  for (const [blob, count] of countKeepers(kept, deleted)) {
    const stored = graph.bytes[blob] ?? Number.NaN;
    if (Number.isNaN(stored)) continue;
    deduplicatedBytes += stored;
    if (isTagLayer[blob] === 0) metadataBytes += stored;
    if (count === tagsReaching[blob] && !keptWithoutTag.has(blob)) reclaimableBytes += stored;
  }
  return { deduplicatedBytes, reclaimableBytes, metadataBytes, isComplete };
}
