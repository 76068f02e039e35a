import type { BlobGraph } from './graph.ts';

/* Two answers to "how big is this?"
 *
 *      app:v1 ──► base (100) ◄── app:v2
 *         ▼                        ▼
 *       x (10)                   y (20)
 *
 *                    app:v1  app:v2  both
 *   size                110     120   230   what pulling each separately would move
 *   disk_size           110      20   130   each layer charged to one owner: the tag with the fewest layers, then by name
 *
 * `disk_size` adds up to the bytes of all distinct layers; that is its purpose and our first invariant. */

/** The figures of every tag, by the tag's position. Bytes are integers. */
export interface TagUsage {
  /** The bytes of the tag's distinct layers. Lower bounds where `isIncomplete`. */
  readonly sizeBytes: Float64Array;
  /** The bytes of those layers that the tag owns. */
  readonly diskSizeBytes: Float64Array;
  /** 1 where something that the tag reaches is missing. */
  readonly isIncomplete: Uint8Array;
}

/**
 * Charges every layer to its owner, in one pass over the edges.
 *
 * @param roots the node that each tag points at. The tags come sorted by repository and tag name, which settles ties.
 */
export function attribute(graph: BlobGraph, roots: Uint32Array): TagUsage {
  const reached = reachLayers(graph, roots);
  const sizeBytes = new Float64Array(roots.length);
  const diskSizeBytes = new Float64Array(roots.length);
  const isIncomplete = new Uint8Array(roots.length);
  const isOwned = new Uint8Array(graph.bytes.length);
  for (const tag of byLayersCount(roots, reached)) {
    const root = reached.ofRoot[roots[tag] ?? 0] ?? 0;
    isIncomplete[tag] = reached.isIncomplete[root] ?? 0;
    let size = 0;
    let owned = 0;
    for (let at = reached.start[root] ?? 0, end = reached.start[root + 1] ?? 0; at < end; at++) {
      const layer = reached.layers[at] ?? 0;
      const stored = graph.bytes[layer] ?? Number.NaN;
      if (Number.isNaN(stored)) continue; // unknown: the tag says that it is incomplete
      size += stored;
      if (isOwned[layer] === 1) continue;
      isOwned[layer] = 1;
      owned += stored;
    }
    sizeBytes[tag] = size;
    diskSizeBytes[tag] = owned;
  }
  return { sizeBytes, diskSizeBytes, isIncomplete };
}

/** The distinct layers below each distinct root: those of root r are layers[start[r] .. start[r + 1]). */
interface Reached {
  /** From a graph's node to its root number. */
  readonly ofRoot: Int32Array;
  readonly start: readonly number[];
  readonly layers: Uint32Array;
  readonly isIncomplete: readonly (0 | 1)[];
}

function reachLayers(graph: BlobGraph, roots: Uint32Array): Reached {
  const ofRoot = new Int32Array(graph.bytes.length).fill(-1);
  const visitedBy = new Int32Array(graph.bytes.length).fill(-1);
  const start = [0];
  const isIncomplete: (0 | 1)[] = [];
  const stack: number[] = [];
  let layers = new Uint32Array(Math.max(16, graph.children.length));
  let count = 0;
  for (const root of roots) {
    if (ofRoot[root] !== -1) continue;
    const number = isIncomplete.length;
    ofRoot[root] = number;
    visitedBy[root] = number;
    stack.push(root);
    let incomplete: 0 | 1 = 0;
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (graph.isMissing[node] === 1) incomplete = 1;
      if (graph.isLayer[node] === 1) {
        if (count === layers.length) layers = grown(layers);
        layers[count++] = node;
      }
      for (let at = graph.childStart[node] ?? 0, end = graph.childStart[node + 1] ?? 0; at < end; at++) {
        const child = graph.children[at] ?? 0;
        if (visitedBy[child] === number) continue;
        visitedBy[child] = number;
        stack.push(child);
      }
    }
    start.push(count);
    isIncomplete.push(incomplete);
  }
  return { ofRoot, start, layers, isIncomplete };
}

/** The tags by rising count of distinct layers; of equal ones the order stays. A counting sort: linear. */
function byLayersCount(roots: Uint32Array, { ofRoot, start }: Reached): Uint32Array {
  const countOf = (tag: number): number => {
    const root = ofRoot[roots[tag] ?? 0] ?? 0;
    return (start[root + 1] ?? 0) - (start[root] ?? 0);
  };
  let most = 0;
  for (let tag = 0; tag < roots.length; tag++) most = Math.max(most, countOf(tag));
  const next = new Uint32Array(most + 2);
  for (let tag = 0; tag < roots.length; tag++) next[countOf(tag) + 1] = (next[countOf(tag) + 1] ?? 0) + 1;
  for (let count = 0; count < most; count++) next[count + 1] = (next[count + 1] ?? 0) + (next[count] ?? 0);
  const order = new Uint32Array(roots.length);
  for (let tag = 0; tag < roots.length; tag++) {
    const count = countOf(tag);
    const at = next[count] ?? 0;
    order[at] = tag;
    next[count] = at + 1;
  }
  return order;
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
