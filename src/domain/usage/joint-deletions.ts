import type { BlobGraph } from '../graph/graph.ts';
import { blobsOf, NO_ROOT, type Reach } from '../graph/reachable-blobs.ts';
import type { GarbageCollector } from './garbage-collector.ts';
import { tagsByRepository } from './kept-blobs.ts';
import type { Tree } from './tree.ts';

/** Which tags a collector deletes because others are deleted: those of referrers, together with their subject. */
export interface JointDeletions {
  /** By tag of a referrer: how many tags of its repository keep its subject. */
  readonly keepersCount: ReadonlyMap<number, number>;
  /** By tag: the tags of referrers whose subject it keeps. */
  readonly dependents: ReadonlyMap<number, readonly number[]>;
}

export function findJointDeletions(
  graph: BlobGraph,
  tree: Tree,
  roots: Int32Array,
  kept: Reach,
  collector: GarbageCollector,
): JointDeletions {
  const keepersCount = new Map<number, number>();
  const dependents = new Map<number, number[]>();
  const repositories = collector.subjectsTakeTaggedReferrers && graph.subjects.size > 0 ? tagsByRepository(tree) : [];
  for (const tags of repositories) {
    const bySubject = Map.groupBy(tags, (tag) => graph.subjects.get(roots[tag] ?? NO_ROOT));
    bySubject.delete(undefined);
    if (bySubject.size === 0) continue;
    for (const keeper of tags) {
      const number = kept.ofTag[keeper] ?? -1;
      if (number === -1) continue;
      for (const blob of blobsOf(kept, number)) {
        for (const tag of bySubject.get(blob) ?? []) {
          keepersCount.set(tag, (keepersCount.get(tag) ?? 0) + 1);
          const known = dependents.get(keeper);
          if (known === undefined) dependents.set(keeper, [tag]);
          else known.push(tag);
        }
      }
    }
  }
  return { keepersCount, dependents };
}

/** Returns these tags, and all that are deleted with them. */
export function withJointDeletions(
  { keepersCount, dependents }: JointDeletions,
  tags: Iterable<number>,
): ReadonlySet<number> {
  const deleted = new Set(tags);
  const left = new Map<number, number>();
  for (const one of deleted) {
    for (const tag of dependents.get(one) ?? []) {
      const keepers = (left.get(tag) ?? keepersCount.get(tag) ?? 0) - 1;
      left.set(tag, keepers);
      if (keepers === 0) deleted.add(tag);
    }
  }
  return deleted;
}
