import type { BlobGraph } from '../graph/graph.ts';
import { NO_ROOT } from '../graph/reachable-blobs.ts';
import type { Usage } from './usage.ts';

/** The size of a set of tags, and what deleting exactly this set would free. Bytes are integers; null if none of the tags could be read. */
export interface TagSetFigures {
  readonly deduplicatedBytes: number | null;
  readonly reclaimableBytes: number | null;
  readonly metadataBytes: number | null;
  /** Whether everything below the tags could be read. If not, the figures are lower bounds. */
  readonly isComplete: boolean;
}

/**
 * Returns the figures of any set of tags. A blob is freed if every tag that reaches it is in the set. The time is linear in what the set reaches.
 *
 * @param tags distinct positions of tags in `roots`, which `usage` was measured from
 */
export function measureTagSet(
  graph: BlobGraph,
  roots: Int32Array,
  { reach, tagsReaching }: Pick<Usage, 'reach' | 'tagsReaching'>,
  tags: Iterable<number>,
): TagSetFigures {
  const reachedFromSet = new Map<number, number>();
  let isComplete = true;
  let knownCount = 0;
  for (const tag of tags) {
    const node = roots[tag] ?? NO_ROOT;
    const root = node === NO_ROOT ? undefined : reach.ofRoot[node];
    if (root === undefined || reach.isIncomplete[root] === 1) isComplete = false;
    if (root === undefined) continue;
    knownCount++;
    for (let at = reach.start[root] ?? 0, end = reach.start[root + 1] ?? 0; at < end; at++) {
      const blob = reach.blobs[at] ?? 0;
      reachedFromSet.set(blob, (reachedFromSet.get(blob) ?? 0) + 1);
    }
  }
  if (knownCount === 0 && !isComplete) {
    return { deduplicatedBytes: null, reclaimableBytes: null, metadataBytes: null, isComplete };
  }
  let deduplicatedBytes = 0;
  let reclaimableBytes = 0;
  let metadataBytes = 0;
  for (const [blob, count] of reachedFromSet) {
    const stored = graph.bytes[blob] ?? Number.NaN;
    if (Number.isNaN(stored)) continue;
    deduplicatedBytes += stored;
    if (graph.isLayer[blob] === 0) metadataBytes += stored;
    if (count === tagsReaching[blob]) reclaimableBytes += stored;
  }
  return { deduplicatedBytes, reclaimableBytes, metadataBytes, isComplete };
}
