import { type Resumable, ranges } from '../../lib/resumable.ts';
import { isReadManifest } from '../graph/blob-facts.ts';
import type { BlobGraph } from '../graph/graph.ts';
import { blobsOf, NO_ROOT, type Reach } from '../graph/reachable-blobs.ts';
import { findJointDeletions, type JointDeletions, withJointDeletions } from './joint-deletions.ts';
import { type Holdings, type Keeping, reachKept } from './kept-blobs.ts';
import { lowestCommonAncestor, NO_TAG, type Tree } from './tree.ts';

/* Four ways to measure the size of a node:
 *
 *      app:v1 ──► base (100) ◄── app:v2
 *         ▼                        ▼
 *       x (10)                   y (20)
 *
 *                      app:v1  app:v2  app
 *   size                  110     120  230   what a client downloads if it pulls each tag separately
 *   disk_size             110      20  130   each layer is charged to one owner: the tag with the fewest layers, then by name
 *   deduplicated          110     120  130   all blobs that the node keeps, each once
 *   reclaimable            10      20  130   what a garbage collection frees if only this node is deleted
 *
 * `size` and `disk_size` include only the layers that tags contain; the others also manifests and configs, and what the garbage collector keeps because
 * of the node (kept-blobs.ts). Only the first two add up. */

/** The figures of every node of a tree, by number. Bytes are integers, and lower bounds if something is missing. */
export interface Usage extends Keeping {
  readonly sizeBytes: Float64Array;
  readonly diskSizeBytes: Float64Array;
  /** All blobs that the node keeps under the rules of the garbage collector, each once. */
  readonly deduplicatedBytes: Float64Array;
  readonly reclaimableBytes: Float64Array;
  /** The part of `deduplicatedBytes` that is not layers of tags. */
  readonly metadataBytes: Float64Array;
  /** The part of `deduplicatedBytes` that the registry stores in a database. */
  readonly databaseBytes: Float64Array;
  readonly tagsCount: Uint32Array;
  /** How many of the tags have a root and therefore figures. */
  readonly knownTagsCount: Uint32Array;
  /** How many of those, and of the repositories with referrers of their own, keep a missing blob. */
  readonly incompleteCount: Uint32Array;
  /** By blob: 1 for a layer that some tag contains. */
  readonly isTagLayer: Uint8Array;
  /** By blob: how many tags keep it, and in how many repositories it is kept. */
  readonly tagsReaching: Uint32Array;
  readonly repositoriesReaching: Uint32Array;
  readonly jointDeletions: JointDeletions;
}

/**
 * Computes all figures of every node, in one pass over what the tags keep and one over the tree.
 *
 * @param roots the node of the graph that each tag points at, or NO_ROOT. The tags are sorted by repository and tag name: this order decides which
 * of two tags with equally many layers owns a layer.
 */
export function* measureInSteps(graph: BlobGraph, tree: Tree, roots: Int32Array, holdings: Holdings): Resumable<Usage> {
  const { collector } = holdings;
  const keeping = reachKept(graph, tree, roots, holdings);
  yield;
  const jointDeletions = findJointDeletions(graph, tree, roots, keeping.kept, collector);
  yield;
  const usage = { ...emptyUsage(tree.parent.length, graph.bytes.length), ...keeping, jointDeletions };
  yield* chargeOwners(graph, tree, roots, usage);
  const storage: Storage = { graph, hasDatabase: collector.storesManifestsInDatabase };
  yield* rollUpBlobs(storage, tree, usage);
  yield* addJointDeletions(storage, tree, usage);
  sumUp(tree.parent, usage);
  return usage;
}

/** A few milliseconds of work each: a tag reaches about a dozen blobs. */
const TAGS_PER_STEP = 2000;
const BLOBS_PER_STEP = 50_000;

type Counts = Omit<Usage, keyof Keeping | 'jointDeletions'>;

function emptyUsage(nodesCount: number, blobsCount: number): Counts {
  return {
    sizeBytes: new Float64Array(nodesCount),
    diskSizeBytes: new Float64Array(nodesCount),
    deduplicatedBytes: new Float64Array(nodesCount),
    reclaimableBytes: new Float64Array(nodesCount),
    metadataBytes: new Float64Array(nodesCount),
    databaseBytes: new Float64Array(nodesCount),
    tagsCount: new Uint32Array(nodesCount),
    knownTagsCount: new Uint32Array(nodesCount),
    incompleteCount: new Uint32Array(nodesCount),
    isTagLayer: new Uint8Array(blobsCount),
    tagsReaching: new Uint32Array(blobsCount),
    repositoriesReaching: new Uint32Array(blobsCount),
  };
}

/**
 * Computes size and disk size of every tag. In the order of their layer counts, each tag becomes the owner of its layers that have none yet.
 */
function* chargeOwners(graph: BlobGraph, tree: Tree, roots: Int32Array, usage: Usage): Resumable<void> {
  const order = byLayersCount(roots, usage.contained);
  for (const { from, to } of ranges(order.length, TAGS_PER_STEP)) {
    yield;
    chargeTags(order.subarray(from, to), { graph, tree, usage });
  }
}

interface Charging {
  readonly graph: BlobGraph;
  readonly tree: Tree;
  readonly usage: Usage;
}

/** Charges these tags with the layers that have no owner yet, and marks them as owned. */
function chargeTags(tags: Uint32Array, { graph, tree, usage }: Charging): void {
  const { contained, isTagLayer } = usage;
  for (const tag of tags) {
    const number = contained.ofTag[tag] ?? 0;
    let size = 0;
    let owned = 0;
    for (let at = contained.start[number] ?? 0, end = contained.start[number + 1] ?? 0; at < end; at++) {
      const blob = contained.blobs[at] ?? 0;
      if (graph.isLayer[blob] === 0) continue;
      const stored = graph.bytes[blob] ?? Number.NaN;
      if (Number.isNaN(stored)) continue; // unknown: the tag is marked as incomplete
      size += stored;
      if (isTagLayer[blob] === 1) continue;
      isTagLayer[blob] = 1;
      owned += stored;
    }
    const node = tree.nodeOfTag[tag] ?? 0;
    usage.sizeBytes[node] = size;
    usage.diskSizeBytes[node] = owned;
  }
}

/** Where the bytes of a blob belong. */
interface Storage {
  readonly graph: BlobGraph;
  readonly hasDatabase: boolean;
}

/** Adds the bytes of a blob to those that a node keeps, or subtracts them if `times` is negative. */
function addKept(usage: Usage, { graph, hasDatabase }: Storage, node: number, blob: number, times: number) {
  const bytes = times * (graph.bytes[blob] ?? 0);
  usage.deduplicatedBytes[node] = (usage.deduplicatedBytes[node] ?? 0) + bytes;
  if (usage.isTagLayer[blob] === 0) usage.metadataBytes[node] = (usage.metadataBytes[node] ?? 0) + bytes;
  if (hasDatabase && isReadManifest(graph, blob)) usage.databaseBytes[node] = (usage.databaseBytes[node] ?? 0) + bytes;
}

/* A blob must be counted at every tag that keeps it, and only once at each node above. Add it at every such tag, with the tags in the order of the
 * tree. In the sums over subtrees it is then counted too often exactly at the lowest common ancestor of each two neighbouring tags: subtract it there.
 * It is reclaimable at the lowest common ancestor of the first and the last tag, and above:
 *
 *              group  -b  +b reclaimable
 *              ╱   ╲
 *          app      tools           b is kept by 1.0, 2.0 and latest;
 *         -b ╱ ╲        ╲           the sums over subtrees are b at each tag, b at app,
 *          1.0  2.0    latest       b at tools and b at group
 *          +b   +b      +b
 *
 * A repository that keeps a blob without a tag takes part like a tag. It comes before its tags in the order of the tree. */
function* rollUpBlobs(storage: Storage, tree: Tree, usage: Usage): Resumable<void> {
  const { graph } = storage;
  // 0 stands for none: it is the node of the registry, which keeps nothing by itself.
  const span = { firstAt: new Uint32Array(graph.bytes.length), lastAt: new Uint32Array(graph.bytes.length) };
  for (const { from, to } of ranges(tree.parent.length, TAGS_PER_STEP)) {
    yield;
    for (let node = Math.max(1, from); node < to; node++) countNode(node, span, storage, tree, usage);
  }
  for (const { from, to } of ranges(graph.bytes.length, BLOBS_PER_STEP)) {
    yield;
    for (let blob = from; blob < to; blob++) countReclaimable(blob, span, storage, tree, usage);
  }
}

/** By blob: the nodes of the first and the last tag or repository that keep it so far. */
interface Span {
  readonly firstAt: Uint32Array;
  readonly lastAt: Uint32Array;
}

/** Counts what the tag or the repository at a node keeps. Must be called in the order of the tree. */
function countNode(node: number, span: Span, storage: Storage, tree: Tree, usage: Usage): void {
  const tag = tree.tagOf[node] ?? NO_TAG;
  if (tag !== NO_TAG) usage.tagsCount[node] = 1;
  const number = tag === NO_TAG ? (usage.keptByRepository.get(node) ?? -1) : (usage.kept.ofTag[tag] ?? -1);
  if (number === -1) return;
  if (tag !== NO_TAG) usage.knownTagsCount[node] = 1;
  usage.incompleteCount[node] = usage.kept.isIncomplete[number] ?? 0;
  countKept(node, number, span, storage, tree, usage);
}

function countKept(
  node: number,
  number: number,
  { firstAt, lastAt }: Span,
  storage: Storage,
  tree: Tree,
  usage: Usage,
) {
  const { kept, tagsReaching, repositoriesReaching } = usage;
  const { parent, tagOf } = tree;
  const isTag = tagOf[node] !== NO_TAG;
  const repository = isTag ? parent[node] : node;
  for (let at = kept.start[number] ?? 0, end = kept.start[number + 1] ?? 0; at < end; at++) {
    const blob = kept.blobs[at] ?? 0;
    const before = lastAt[blob] ?? 0;
    lastAt[blob] = node;
    if (isTag) tagsReaching[blob] = (tagsReaching[blob] ?? 0) + 1;
    if (before === 0) firstAt[blob] = node;
    if (before === 0 || (tagOf[before] === NO_TAG ? before : parent[before]) !== repository)
      repositoriesReaching[blob] = (repositoriesReaching[blob] ?? 0) + 1;
    if (Number.isNaN(storage.graph.bytes[blob])) continue;
    addKept(usage, storage, node, blob, 1);
    if (before !== 0) addKept(usage, storage, lowestCommonAncestor(parent, before, node), blob, -1);
  }
}

function countReclaimable(blob: number, { firstAt, lastAt }: Span, { graph }: Storage, tree: Tree, usage: Usage): void {
  const stored = graph.bytes[blob] ?? Number.NaN;
  if (lastAt[blob] === 0 || Number.isNaN(stored)) return;
  const ancestor = lowestCommonAncestor(tree.parent, firstAt[blob] ?? 0, lastAt[blob] ?? 0);
  usage.reclaimableBytes[ancestor] = (usage.reclaimableBytes[ancestor] ?? 0) + stored;
}

/**
 * Adds what goes with a tag because the collector deletes the tags of its referrers with it. Those are tags of the same repository, so the figures of the
 * repository do not change: what is added at the tag is subtracted there.
 */
function* addJointDeletions(storage: Storage, tree: Tree, usage: Usage): Resumable<void> {
  const { kept, tagsReaching, jointDeletions } = usage;
  const { bytes } = storage.graph;
  let count = 0;
  for (const cause of jointDeletions.dependents.keys()) {
    if (count++ % TAGS_PER_STEP === 0) yield;
    const deleted = withJointDeletions(jointDeletions, [cause]);
    if (deleted.size === 1) continue;
    const node = tree.nodeOfTag[cause] ?? 0;
    const repository = tree.parent[node] ?? 0;
    const own = new Set(blobsOf(kept, kept.ofTag[cause] ?? 0));
    const keptByDeleted = countKeepers(kept, deleted);
    for (const [blob, keepersCount] of keptByDeleted) {
      if (Number.isNaN(bytes[blob])) continue;
      if (!own.has(blob)) {
        addKept(usage, storage, node, blob, 1);
        addKept(usage, storage, repository, blob, -1);
      }
      const isOnlyOwn = own.has(blob) && keepersCount === 1;
      if (isOnlyOwn || keepersCount !== tagsReaching[blob]) continue;
      const stored = bytes[blob] ?? 0;
      usage.reclaimableBytes[node] = (usage.reclaimableBytes[node] ?? 0) + stored;
      usage.reclaimableBytes[repository] = (usage.reclaimableBytes[repository] ?? 0) - stored;
    }
  }
}

/** Returns how many of these tags keep each blob. */
export function countKeepers(kept: Reach, tags: Iterable<number>): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const tag of tags) {
    const number = kept.ofTag[tag] ?? -1;
    if (number === -1) continue;
    for (const blob of blobsOf(kept, number)) counts.set(blob, (counts.get(blob) ?? 0) + 1);
  }
  return counts;
}

/** Turns the numbers of single nodes into sums over each node and all nodes below it. */
function sumUp(parent: Int32Array, usage: Usage): void {
  const arrays = [
    usage.sizeBytes,
    usage.diskSizeBytes,
    usage.deduplicatedBytes,
    usage.reclaimableBytes,
    usage.metadataBytes,
    usage.databaseBytes,
    usage.tagsCount,
    usage.knownTagsCount,
    usage.incompleteCount,
  ];
  for (const array of arrays) {
    for (let node = parent.length - 1; node > 0; node--) {
      const above = parent[node] ?? 0;
      array[above] = (array[above] ?? 0) + (array[node] ?? 0);
    }
  }
}

/** Returns the tags with a root by rising number of distinct layers, and equal ones in their order: a counting sort, in linear time. */
function byLayersCount(roots: Int32Array, { ofTag, layersCount }: Reach): Uint32Array {
  const countOf = (tag: number): number => layersCount[ofTag[tag] ?? 0] ?? 0;
  const most = layersCount.reduce((a, b) => Math.max(a, b), 0);
  const next = new Uint32Array(most + 2);
  let known = 0;
  for (let tag = 0; tag < roots.length; tag++) {
    if (roots[tag] === NO_ROOT) continue;
    next[countOf(tag) + 1] = (next[countOf(tag) + 1] ?? 0) + 1;
    known++;
  }
  for (let count = 0; count < most; count++) next[count + 1] = (next[count + 1] ?? 0) + (next[count] ?? 0);
  const order = new Uint32Array(known);
  for (let tag = 0; tag < roots.length; tag++) {
    if (roots[tag] === NO_ROOT) continue;
    const count = countOf(tag);
    const at = next[count] ?? 0;
    order[at] = tag;
    next[count] = at + 1;
  }
  return order;
}
