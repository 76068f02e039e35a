import type { BlobGraph } from '../graph/graph.ts';
import { NO_ROOT, type Reach, reachContained, Walker } from '../graph/reachable-blobs.ts';
import type { GarbageCollector } from './garbage-collector.ts';
import { NO_TAG, type Tree } from './tree.ts';

/* What a tag contains, and what it keeps alive, are different things if there are referrers:
 *
 *      1.0 ──► image ◄── subject ── signature ◄── sig (a tag, or none)
 *
 *                                             1.0 keeps          sig keeps
 *   Distribution                              image              signature
 *   GitLab with its database                  image              signature, image
 *   Harbor; zot with `deleteReferrers`        image, signature   signature
 *   zot                                       image              signature, which the repository keeps if it has no tag
 */

/** The manifests that the registry lists as referrers in one repository. */
export interface ListedReferrer {
  readonly subject: number;
  readonly referrer: number;
}

export interface Holdings {
  readonly collector: GarbageCollector;
  /** By repository, in the order of the tree. */
  readonly referrers: readonly (readonly ListedReferrer[])[];
}

/** The blobs that tags and repositories keep alive. */
export interface Keeping {
  /** What each tag contains. */
  readonly contained: Reach;
  /** What each tag keeps. The same object as `contained` if the collector makes no difference. */
  readonly kept: Reach;
  /** The nodes of repositories that keep blobs without a tag, and the numbers of their lists in `kept`. */
  readonly keptByRepository: ReadonlyMap<number, number>;
  /** By node: the further nodes that keep it in some repository, besides those that contain it. */
  readonly keepers: ReadonlyMap<number, readonly number[]>;
}

export function reachKept(
  graph: BlobGraph,
  tree: Tree,
  roots: Int32Array,
  { collector, referrers }: Holdings,
): Keeping {
  const contained = reachContained(graph, roots);
  const isDifferent = collector.referrersKeepSubjects
    ? graph.subjects.size > 0
    : collector.untaggedReferrers !== 'collected' && referrers.some(({ length }) => length > 0);
  if (!isDifferent) return { contained, kept: contained, keptByRepository: new Map(), keepers: new Map() };

  const walker = new Walker(graph);
  const ofTag = new Int32Array(roots.length).fill(-1);
  const keptByRepository = new Map<number, number>();
  const keepers = new Map<number, number[]>();
  const addKeeper = (node: number, keeper: number): void => {
    const known = keepers.get(node);
    if (known === undefined) keepers.set(node, [keeper]);
    else if (!known.includes(keeper)) known.push(keeper);
  };
  const followSubject = (node: number): Iterable<number> => {
    const subject = collector.referrersKeepSubjects ? graph.subjects.get(node) : undefined;
    if (subject === undefined) return [];
    addKeeper(subject, node);
    return [subject];
  };
  const shared = new Map<number, number>();
  for (const [place, tags] of tagsByRepository(tree).entries()) {
    const listed = collector.untaggedReferrers === 'collected' ? [] : (referrers[place] ?? []);
    const tagged = new Set(tags.map((tag) => roots[tag]));
    const untagged = listed.filter(({ referrer }) => !tagged.has(referrer));
    const isWithSubject = collector.untaggedReferrers === 'kept with the subject';
    const bySubject = isWithSubject
      ? Map.groupBy(collector.subjectsTakeTaggedReferrers ? untagged : listed, ({ subject }) => subject)
      : new Map<number, readonly ListedReferrer[]>();
    const followReferrers = (node: number): Iterable<number> =>
      (bySubject.get(node) ?? []).map(({ referrer }) => {
        addKeeper(referrer, node);
        return referrer;
      });
    const follow = bySubject.size > 0 ? followReferrers : followSubject;
    // What a root keeps depends on the referrers of the repository: only repositories without any can share lists.
    const numbers = bySubject.size > 0 ? new Map<number, number>() : shared;
    for (const tag of tags) {
      const root = roots[tag] ?? NO_ROOT;
      if (root === NO_ROOT) continue;
      const number = numbers.get(root) ?? walker.walk([root], follow);
      numbers.set(root, number);
      ofTag[tag] = number;
    }
    if (collector.untaggedReferrers === 'kept with the repository' && untagged.length > 0) {
      const number = walker.walk(new Set(untagged.map(({ referrer }) => referrer)));
      keptByRepository.set(tree.nodeOfRepository[place] ?? 0, number);
    }
  }
  return { contained, kept: walker.finish(ofTag), keptByRepository, keepers };
}

/** Returns the positions of the tags of each repository. */
export function tagsByRepository({ nodeOfRepository, nodeOfTag, parent, tagOf }: Tree): readonly (readonly number[])[] {
  const placeOf = new Map(nodeOfRepository.map((node, place) => [node, place]));
  const tags: number[][] = nodeOfRepository.map(() => []);
  for (const node of nodeOfTag) tags[placeOf.get(parent[node] ?? 0) ?? 0]?.push(tagOf[node] ?? NO_TAG);
  return tags;
}
