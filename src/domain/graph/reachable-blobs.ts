import type { BlobGraph } from './graph.ts';

/** The root of a tag whose manifest could not be read. */
export const NO_ROOT = -1;

/**
 * The blobs that each distinct root reaches, including itself: those of root number r are blobs[start[r] .. start[r + 1]). Each blob occurs once per
 * root.
 */
export interface Reach {
  /** By node: its root number; -1 if no tag points at it. */
  readonly ofRoot: Int32Array;
  readonly start: readonly number[];
  readonly blobs: Uint32Array;
  /** By root number: how many of its blobs are layers, and 1 if one of its blobs is missing. */
  readonly layersCount: readonly number[];
  readonly isIncomplete: readonly (0 | 1)[];
}

/** Walks down from every distinct root. The time is linear in the number of edges below each. */
export function reachBlobs(graph: BlobGraph, roots: Int32Array): Reach {
  const nodesCount = graph.bytes.length;
  const ofRoot = new Int32Array(nodesCount).fill(-1);
  const visitedBy = new Int32Array(nodesCount).fill(-1);
  const start = [0];
  const layersCount: number[] = [];
  const isIncomplete: (0 | 1)[] = [];
  let blobs = new Uint32Array(Math.max(16, nodesCount + graph.children.length));
  let count = 0;
  for (const root of roots) {
    if (root === NO_ROOT || ofRoot[root] !== -1) continue;
    const number = layersCount.length;
    ofRoot[root] = number;
    visitedBy[root] = number;
    let layers = 0;
    let incomplete: 0 | 1 = 0;
    const first = count;
    if (count === blobs.length) blobs = grown(blobs);
    blobs[count++] = root;
    // `blobs` itself is the queue of nodes that were reached and not yet followed.
    for (let at = first; at < count; at++) {
      const node = blobs[at] ?? 0;
      if (graph.isMissing[node] === 1) incomplete = 1;
      if (graph.isLayer[node] === 1) layers++;
      for (let edge = graph.childStart[node] ?? 0, end = graph.childStart[node + 1] ?? 0; edge < end; edge++) {
        const child = graph.children[edge] ?? 0;
        if (visitedBy[child] === number) continue;
        visitedBy[child] = number;
        if (count === blobs.length) blobs = grown(blobs);
        blobs[count++] = child;
      }
    }
    start.push(count);
    layersCount.push(layers);
    isIncomplete.push(incomplete);
  }
  return { ofRoot, start, blobs, layersCount, isIncomplete };
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
