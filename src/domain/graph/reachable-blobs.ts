import type { BlobGraph } from './graph.ts';

/** A tag without a readable manifest points at no node. */
export const NO_ROOT = -1;

/** The blobs that each distinct root reaches, itself included, each once: those of root number r are blobs[start[r] .. start[r + 1]). */
export interface Reach {
  /** From a graph's node to its root number; -1 for what is no tag's root. */
  readonly ofRoot: Int32Array;
  readonly start: readonly number[];
  readonly blobs: Uint32Array;
  /** By root number: how many of its blobs are layers, and 1 where one of them is missing. */
  readonly layersCount: readonly number[];
  readonly isIncomplete: readonly (0 | 1)[];
}

/** Walks down from every distinct root. Linear in the edges below them. */
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
    // What was reached and is not yet followed lies in `blobs` itself.
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
