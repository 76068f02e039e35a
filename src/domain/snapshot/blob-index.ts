import { type Resumable, ranges } from '../../lib/resumable.ts';
import type { BlobGraph } from '../graph/graph.ts';
import { blobsOf, NO_ROOT } from '../graph/reachable-blobs.ts';
import { orderInSteps } from '../order.ts';
import type { Contents } from './snapshot.ts';

/** Looks up the blobs of a snapshot. Each index is built at its first use, because most snapshots need none. All that takes long works in small steps. */
export interface BlobIndex {
  /** Returns the node of the digest; undefined if nothing keeps it. */
  node(digest: string): number | undefined;
  /** Returns all blobs that are kept, the largest first, and those of unknown size last. */
  largestFirst(): Resumable<Uint32Array>;
  /** Returns the positions of the tags that keep a blob, in order. The time is linear in the nodes between the blob and its tags. */
  tagsReaching(node: number): Resumable<Uint32Array>;
}

/** A step takes about a tenth of a millisecond. */
const NODES_PER_STEP = 4096;

export function createBlobIndex({ graph, roots, usage }: Contents): BlobIndex {
  const isKept = (node: number): boolean => (usage.repositoriesReaching[node] ?? 0) > 0;
  /** A referrer may keep its subject in one repository and not in another, so the nodes above a blob are not enough. */
  const isKeeper = (position: number, node: number): boolean =>
    usage.keepers.size === 0 || blobsOf(usage.kept, usage.kept.ofTag[position] ?? 0).includes(node);
  const parents = once(() => invert(graph));
  const tagsOf = once(() => groupByRoot(graph, roots));
  return {
    node(digest) {
      const node = graph.digests.nodeOf(digest);
      return node !== undefined && isKept(node) ? node : undefined;
    },
    largestFirst: once(function* () {
      const nodes = yield* selected(yield* graph.digests.inOrder(), isKept);
      const bytesAt = (position: number): number => graph.bytes[nodes[position] ?? 0] ?? Number.NaN;
      const largest = yield* orderInSteps(nodes.length, { kind: 'number', valueAt: bytesAt }, true);
      for (const { from, to } of ranges(largest.length, NODES_PER_STEP)) {
        for (let i = from; i < to; i++) largest[i] = nodes[largest[i] ?? 0] ?? 0;
        yield;
      }
      return largest;
    }),
    *tagsReaching(node) {
      const positions: number[] = [];
      const [tags, above] = [yield* tagsOf(), yield* nodesAbove(node, yield* parents(), usage.keepers)];
      let count = 0;
      for (const one of above) {
        for (const position of slice(tags, one)) if (isKeeper(position, node)) positions.push(position);
        if (++count % NODES_PER_STEP === 0) yield;
      }
      const valueAt = (i: number): number => positions[i] ?? 0;
      const order = yield* orderInSteps(positions.length, { kind: 'number', valueAt }, false);
      for (const { from, to } of ranges(order.length, NODES_PER_STEP)) {
        for (let i = from; i < to; i++) order[i] = positions[order[i] ?? 0] ?? 0;
        yield;
      }
      return order;
    },
  };
}

function* selected(nodes: Uint32Array, isWanted: (node: number) => boolean): Resumable<Uint32Array> {
  let count = 0;
  for (const { from, to } of ranges(nodes.length, NODES_PER_STEP)) {
    for (let i = from; i < to; i++) {
      const node = nodes[i] ?? 0;
      if (isWanted(node)) nodes[count++] = node;
    }
    yield;
  }
  return nodes.subarray(0, count);
}

/** Returns a node and all nodes that contain or keep it. */
function* nodesAbove(
  node: number,
  parents: Lists,
  keepers: ReadonlyMap<number, readonly number[]>,
): Resumable<ReadonlySet<number>> {
  const above = new Set([node]);
  let count = 0;
  for (const one of above) {
    for (const keeper of keepers.get(one) ?? []) above.add(keeper);
    for (const parent of slice(parents, one)) {
      above.add(parent);
      if (++count % NODES_PER_STEP === 0) yield;
    }
  }
  return above;
}

/** A list of numbers for every node: those of node i are values[start[i] .. start[i + 1]). */
interface Lists {
  readonly start: Uint32Array;
  readonly values: Uint32Array;
}

function slice({ start, values }: Lists, node: number): Uint32Array {
  return values.subarray(start[node], start[node + 1]);
}

/** Returns, for each node, the nodes that name it. */
function* invert({ digests, childStart, children }: BlobGraph): Resumable<Lists> {
  return yield* group(digests.length, children, function* () {
    for (let node = 0; node < digests.length; node++) {
      for (let edge = childStart[node] ?? 0, end = childStart[node + 1] ?? 0; edge < end; edge++) yield node;
    }
  });
}

/** Returns, for each node, the positions of the tags that point at it. */
function* groupByRoot({ digests }: BlobGraph, roots: Int32Array): Resumable<Lists> {
  const known = roots.filter((root) => root !== NO_ROOT);
  return yield* group(digests.length, known, function* () {
    for (let position = 0; position < roots.length; position++) if (roots[position] !== NO_ROOT) yield position;
  });
}

/** Groups values by key and keeps their order: a counting sort. */
function* group(nodesCount: number, keys: ArrayLike<number>, valuesInOrder: () => Iterable<number>): Resumable<Lists> {
  const start = new Uint32Array(nodesCount + 1);
  for (const { from, to } of ranges(keys.length, NODES_PER_STEP)) {
    for (let i = from; i < to; i++) start[(keys[i] ?? 0) + 1] = (start[(keys[i] ?? 0) + 1] ?? 0) + 1;
    yield;
  }
  for (const { from, to } of ranges(nodesCount, NODES_PER_STEP)) {
    for (let node = from; node < to; node++) start[node + 1] = (start[node + 1] ?? 0) + (start[node] ?? 0);
    yield;
  }
  const next = start.slice();
  const values = new Uint32Array(keys.length);
  let i = 0;
  for (const value of valuesInOrder()) {
    const key = keys[i++] ?? 0;
    const at = next[key] ?? 0;
    values[at] = value;
    next[key] = at + 1;
    if (i % NODES_PER_STEP === 0) yield;
  }
  return { start, values };
}

/** Returns a function that makes the value at the first call. Calls that run at the same time may make it several times. */
function once<T>(make: () => Resumable<T>): () => Resumable<T> {
  let made: { readonly value: T } | undefined;
  return function* () {
    made ??= { value: yield* make() };
    return made.value;
  };
}
