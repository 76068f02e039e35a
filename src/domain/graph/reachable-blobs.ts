import type { BlobGraph } from './graph.ts';

/** The root of a tag whose manifest could not be read. */
export const NO_ROOT = -1;

/**
 * Lists of blobs that tags reach. Tags that reach the same blobs share a list: that of number r is blobs[start[r] .. start[r + 1]), the root first, and
 * then level by level. Each blob occurs once per list.
 */
export interface Reach {
  /** By position of a tag: the number of its list; -1 if it has no root. */
  readonly ofTag: Int32Array;
  readonly start: readonly number[];
  readonly blobs: Uint32Array;
  /** By number: how many of the blobs are layers, and 1 if one of the blobs is missing. */
  readonly layersCount: readonly number[];
  readonly isIncomplete: readonly (0 | 1)[];
}

/** Returns the list of that number. */
export function blobsOf({ start, blobs }: Reach, number: number): Uint32Array {
  return blobs.subarray(start[number], start[number + 1]);
}

/** Returns what each tag contains. The time is linear in the number of edges below each distinct root. */
export function reachContained(graph: BlobGraph, roots: Int32Array): Reach {
  const walker = new Walker(graph);
  const numberOf = new Int32Array(graph.bytes.length).fill(-1);
  const ofTag = new Int32Array(roots.length).fill(-1);
  for (const [tag, root] of roots.entries()) {
    if (root === NO_ROOT) continue;
    if (numberOf[root] === -1) numberOf[root] = walker.walk([root]);
    ofTag[tag] = numberOf[root] ?? -1;
  }
  return walker.finish(ofTag);
}

/** Returns the further nodes that a node leads to, besides its children. */
export type Follow = (node: number) => Iterable<number>;

/** Makes the lists of a `Reach`, one at a time. */
export class Walker {
  readonly #graph: BlobGraph;
  readonly #visitedBy: Int32Array;
  #blobs: Uint32Array<ArrayBuffer>;
  #count = 0;
  readonly #start = [0];
  readonly #layersCount: number[] = [];
  readonly #isIncomplete: (0 | 1)[] = [];

  constructor(graph: BlobGraph) {
    this.#graph = graph;
    this.#visitedBy = new Int32Array(graph.bytes.length).fill(-1);
    this.#blobs = new Uint32Array(Math.max(16, graph.bytes.length + graph.children.length));
  }

  /** Makes the list of everything that these nodes reach, themselves included. Returns its number. */
  walk(from: Iterable<number>, follow?: Follow): number {
    const { childStart, children, isMissing, isLayer } = this.#graph;
    const number = this.#layersCount.length;
    const first = this.#count;
    for (const node of from) this.#visit(node, number);
    let layers = 0;
    let incomplete: 0 | 1 = 0;
    // The list itself is the queue of nodes that were reached and not yet followed.
    for (let at = first; at < this.#count; at++) {
      const node = this.#blobs[at] ?? 0;
      if (isMissing[node] === 1) incomplete = 1;
      if (isLayer[node] === 1) layers++;
      for (let edge = childStart[node] ?? 0, end = childStart[node + 1] ?? 0; edge < end; edge++)
        this.#visit(children[edge] ?? 0, number);
      if (follow !== undefined) for (const next of follow(node)) this.#visit(next, number);
    }
    this.#start.push(this.#count);
    this.#layersCount.push(layers);
    this.#isIncomplete.push(incomplete);
    return number;
  }

  finish(ofTag: Int32Array): Reach {
    return {
      ofTag,
      start: this.#start,
      blobs: this.#blobs,
      layersCount: this.#layersCount,
      isIncomplete: this.#isIncomplete,
    };
  }

  #visit(node: number, number: number): void {
    if (this.#visitedBy[node] === number) return;
    this.#visitedBy[node] = number;
    if (this.#count === this.#blobs.length) this.#blobs = grown(this.#blobs);
    this.#blobs[this.#count++] = node;
  }
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
