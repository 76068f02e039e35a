import { type Resumable, ranges } from '../../lib/resumable.ts';
import type { BlobGraph } from '../graph/graph.ts';
import { NO_ROOT, type Reach, reachBlobs } from '../graph/reachable-blobs.ts';
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
 *   deduplicated          110     120  130   all blobs that the node reaches, each once
 *   reclaimable            10      20  130   what is freed if only this node is deleted
 *
 * `size` and `disk_size` include layers only; the others also manifests and configs. Only the first two add up. */

/** The figures of every node of a tree, by number. Bytes are integers, and lower bounds if something is missing. */
export interface Usage {
  readonly sizeBytes: Float64Array;
  readonly diskSizeBytes: Float64Array;
  readonly deduplicatedBytes: Float64Array;
  readonly reclaimableBytes: Float64Array;
  /** The part of `deduplicatedBytes` that is not layers. */
  readonly metadataBytes: Float64Array;
  readonly tagsCount: Uint32Array;
  /** How many of the tags have a root and therefore figures. */
  readonly knownTagsCount: Uint32Array;
  /** How many of those reach a missing blob. */
  readonly incompleteTagsCount: Uint32Array;
  /** By blob: how many tags and how many repositories reach it. */
  readonly tagsReaching: Uint32Array;
  readonly repositoriesReaching: Uint32Array;
  readonly reach: Reach;
}

/**
 * Computes all figures of every node, in one pass over what the tags reach and one over the tree.
 *
 * @param roots the node of the graph that each tag points at, or NO_ROOT. The tags are sorted by repository and tag name: this order decides which
 * of two tags with equally many layers owns a layer.
 */
export function* measureInSteps(graph: BlobGraph, tree: Tree, roots: Int32Array): Resumable<Usage> {
  const reach = reachBlobs(graph, roots);
  yield;
  const usage = emptyUsage(tree.parent.length, graph.bytes.length, reach);
  yield* chargeOwners(graph, tree, roots, usage);
  yield* rollUpBlobs(graph, tree, roots, usage);
  sumUp(tree.parent, usage);
  return usage;
}

/** A few milliseconds of work each: a tag reaches about a dozen blobs. */
const TAGS_PER_STEP = 2000;
const BLOBS_PER_STEP = 50_000;

function emptyUsage(nodesCount: number, blobsCount: number, reach: Reach): Usage {
  return {
    sizeBytes: new Float64Array(nodesCount),
    diskSizeBytes: new Float64Array(nodesCount),
    deduplicatedBytes: new Float64Array(nodesCount),
    reclaimableBytes: new Float64Array(nodesCount),
    metadataBytes: new Float64Array(nodesCount),
    tagsCount: new Uint32Array(nodesCount),
    knownTagsCount: new Uint32Array(nodesCount),
    incompleteTagsCount: new Uint32Array(nodesCount),
    tagsReaching: new Uint32Array(blobsCount),
    repositoriesReaching: new Uint32Array(blobsCount),
    reach,
  };
}

/** Computes size and disk size of every tag. In the order of their layer counts, each tag becomes the owner of its layers that have none yet. */
function* chargeOwners(graph: BlobGraph, tree: Tree, roots: Int32Array, usage: Usage): Resumable<void> {
  const isOwned = new Uint8Array(graph.bytes.length);
  const order = byLayersCount(roots, usage.reach);
  for (const { from, to } of ranges(order.length, TAGS_PER_STEP)) {
    yield;
    chargeTags(order.subarray(from, to), isOwned, { graph, tree, roots, usage });
  }
}

interface Inputs {
  readonly graph: BlobGraph;
  readonly tree: Tree;
  readonly roots: Int32Array;
  readonly usage: Usage;
}

/** Charges these tags with the layers that have no owner yet, and marks them as owned. */
function chargeTags(tags: Uint32Array, isOwned: Uint8Array, { graph, tree, roots, usage }: Inputs): void {
  const { reach } = usage;
  for (const tag of tags) {
    const root = reach.ofRoot[roots[tag] ?? 0] ?? 0;
    let size = 0;
    let owned = 0;
    for (let at = reach.start[root] ?? 0, end = reach.start[root + 1] ?? 0; at < end; at++) {
      const blob = reach.blobs[at] ?? 0;
      if (graph.isLayer[blob] === 0) continue;
      const stored = graph.bytes[blob] ?? Number.NaN;
      if (Number.isNaN(stored)) continue; // unknown: the tag is marked as incomplete
      size += stored;
      if (isOwned[blob] === 1) continue;
      isOwned[blob] = 1;
      owned += stored;
    }
    const node = tree.nodeOfTag[tag] ?? 0;
    usage.sizeBytes[node] = size;
    usage.diskSizeBytes[node] = owned;
  }
}

/* A blob must be counted at every tag that reaches it, and only once at each node above. Add it at every such tag, with the tags in the order of the
 * tree. In the sums over subtrees it is then counted too often exactly at the lowest common ancestor of each two neighbouring tags: subtract it there.
 * It is reclaimable at the lowest common ancestor of the first and the last tag, and above:
 *
 *              group  -b  +b reclaimable
 *              ╱   ╲
 *          app      tools           b is reached by 1.0, 2.0 and latest;
 *         -b ╱ ╲        ╲           the sums over subtrees are b at each tag, b at app,
 *          1.0  2.0    latest       b at tools and b at group
 *          +b   +b      +b                                                                     */
function* rollUpBlobs(graph: BlobGraph, tree: Tree, roots: Int32Array, usage: Usage): Resumable<void> {
  const inputs = { graph, tree, roots, usage };
  // 0 stands for none: it is the node of the registry and never that of a tag.
  const span = { firstAt: new Uint32Array(graph.bytes.length), lastAt: new Uint32Array(graph.bytes.length) };
  for (const { from, to } of ranges(tree.parent.length, TAGS_PER_STEP)) {
    yield;
    for (let node = Math.max(1, from); node < to; node++) countTag(node, span, inputs);
  }
  for (const { from, to } of ranges(graph.bytes.length, BLOBS_PER_STEP)) {
    yield;
    for (let blob = from; blob < to; blob++) countReclaimable(blob, span, inputs);
  }
}

/** By blob: the nodes of the first and the last tag that reach it so far. */
interface Span {
  readonly firstAt: Uint32Array;
  readonly lastAt: Uint32Array;
}

/** Counts what the tag at a node reaches. Must be called in the order of the tree. */
function countTag(node: number, { firstAt, lastAt }: Span, { graph, tree, roots, usage }: Inputs): void {
  const { reach, deduplicatedBytes, metadataBytes, tagsReaching, repositoriesReaching } = usage;
  const { parent } = tree;
  const tag = tree.tagOf[node] ?? NO_TAG;
  if (tag === NO_TAG) return;
  usage.tagsCount[node] = 1;
  const rootNode = roots[tag] ?? NO_ROOT;
  if (rootNode === NO_ROOT) return;
  usage.knownTagsCount[node] = 1;
  const root = reach.ofRoot[rootNode] ?? 0;
  usage.incompleteTagsCount[node] = reach.isIncomplete[root] ?? 0;
  for (let at = reach.start[root] ?? 0, end = reach.start[root + 1] ?? 0; at < end; at++) {
    const blob = reach.blobs[at] ?? 0;
    const before = lastAt[blob] ?? 0;
    lastAt[blob] = node;
    tagsReaching[blob] = (tagsReaching[blob] ?? 0) + 1;
    if (before === 0) firstAt[blob] = node;
    if (before === 0 || parent[before] !== parent[node])
      repositoriesReaching[blob] = (repositoriesReaching[blob] ?? 0) + 1;
    const stored = graph.bytes[blob] ?? Number.NaN;
    if (Number.isNaN(stored)) continue;
    const metadata = graph.isLayer[blob] === 1 ? 0 : stored;
    deduplicatedBytes[node] = (deduplicatedBytes[node] ?? 0) + stored;
    metadataBytes[node] = (metadataBytes[node] ?? 0) + metadata;
    if (before === 0) continue;
    const meeting = lowestCommonAncestor(parent, before, node);
    deduplicatedBytes[meeting] = (deduplicatedBytes[meeting] ?? 0) - stored;
    metadataBytes[meeting] = (metadataBytes[meeting] ?? 0) - metadata;
  }
}

function countReclaimable(blob: number, { firstAt, lastAt }: Span, { graph, tree, usage }: Inputs): void {
  const stored = graph.bytes[blob] ?? Number.NaN;
  if (lastAt[blob] === 0 || Number.isNaN(stored)) return;
  const ancestor = lowestCommonAncestor(tree.parent, firstAt[blob] ?? 0, lastAt[blob] ?? 0);
  usage.reclaimableBytes[ancestor] = (usage.reclaimableBytes[ancestor] ?? 0) + stored;
}

/** Turns the numbers of single nodes into sums over each node and all nodes below it. */
function sumUp(parent: Int32Array, usage: Usage): void {
  const arrays = [
    usage.sizeBytes,
    usage.diskSizeBytes,
    usage.deduplicatedBytes,
    usage.reclaimableBytes,
    usage.metadataBytes,
    usage.tagsCount,
    usage.knownTagsCount,
    usage.incompleteTagsCount,
  ];
  for (const array of arrays) {
    for (let node = parent.length - 1; node > 0; node--) {
      const above = parent[node] ?? 0;
      array[above] = (array[above] ?? 0) + (array[node] ?? 0);
    }
  }
}

/** Returns the tags with a root by rising number of distinct layers, and equal ones in their order: a counting sort, in linear time. */
function byLayersCount(roots: Int32Array, { ofRoot, layersCount }: Reach): Uint32Array {
  const countOf = (tag: number): number => layersCount[ofRoot[roots[tag] ?? 0] ?? 0] ?? 0;
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
