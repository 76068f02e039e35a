import type { BlobGraph } from '../graph/graph.ts';
import { NO_ROOT } from '../graph/reachable-blobs.ts';
import { positionsInOrder } from '../order.ts';
import type { Contents } from './snapshot.ts';

/** Looks up the blobs of a snapshot. Each index is built at its first use, because most snapshots need none. */
export interface BlobIndex {
  /** Returns the node of the digest; undefined if no tag reaches it. */
  node(digest: string): number | undefined;
  /** Returns all blobs that tags reach, the largest first, and those of unknown size last. */
  largestFirst(): Uint32Array;
  /** Returns the positions of the tags that reach a blob, in order. The time is linear in the nodes between the blob and its tags. */
  tagsReaching(node: number): readonly number[];
}

export function createBlobIndex({ graph, roots, usage }: Contents): BlobIndex {
  const isReached = (node: number): boolean => (usage.tagsReaching[node] ?? 0) > 0;
  const parents = once(() => invert(graph));
  const tagsOf = once(() => groupByRoot(graph, roots));
  return {
    node(digest) {
      const node = graph.digests.nodeOf(digest);
      return node !== undefined && isReached(node) ? node : undefined;
    },
    largestFirst: once(() => {
      const nodes = graph.digests.inOrder().filter(isReached);
      const bytesAt = (position: number): number => graph.bytes[nodes[position] ?? 0] ?? Number.NaN;
      const largest = positionsInOrder(nodes.length, { kind: 'number', valueAt: bytesAt }, true);
      return largest.map((position) => nodes[position] ?? 0);
    }),
    tagsReaching(node) {
      const positions: number[] = [];
      const above = new Set([node]);
      for (const one of above) {
        for (const position of slice(tagsOf(), one)) positions.push(position);
        for (const parent of slice(parents(), one)) above.add(parent);
      }
      return positions.sort((a, b) => a - b);
    },
  };
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
function invert({ digests, childStart, children }: BlobGraph): Lists {
  return group(digests.length, children, function* () {
    for (let node = 0; node < digests.length; node++) {
      for (let edge = childStart[node] ?? 0, end = childStart[node + 1] ?? 0; edge < end; edge++) yield node;
    }
  });
}

/** Returns, for each node, the positions of the tags that point at it. */
function groupByRoot({ digests }: BlobGraph, roots: Int32Array): Lists {
  const known = roots.filter((root) => root !== NO_ROOT);
  return group(digests.length, known, function* () {
    for (let position = 0; position < roots.length; position++) if (roots[position] !== NO_ROOT) yield position;
  });
}

/** Groups values by key and keeps their order: a counting sort. */
function group(nodesCount: number, keys: ArrayLike<number>, valuesInOrder: () => Iterable<number>): Lists {
  const start = new Uint32Array(nodesCount + 1);
  for (let i = 0; i < keys.length; i++) start[(keys[i] ?? 0) + 1] = (start[(keys[i] ?? 0) + 1] ?? 0) + 1;
  for (let node = 0; node < nodesCount; node++) start[node + 1] = (start[node + 1] ?? 0) + (start[node] ?? 0);
  const next = start.slice();
  const values = new Uint32Array(keys.length);
  let i = 0;
  for (const value of valuesInOrder()) {
    const key = keys[i++] ?? 0;
    const at = next[key] ?? 0;
    values[at] = value;
    next[key] = at + 1;
  }
  return { start, values };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
