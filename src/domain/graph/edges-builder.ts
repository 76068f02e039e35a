import type { BlobGraph } from './graph.ts';
import { extendedTo } from './typed-arrays.ts';

/** Larger than any number of edges. */
const NONE = 2 ** 32 - 1;

/** Collects the children of each node, which are the blobs that a manifest names, and the referrers of each manifest. */
export class EdgesBuilder {
  // By node; the arrays may be longer than the number of nodes.
  /**
   * 1 + the position in `#named` where the children begin; NONE for a manifest without children; 0 for every leaf and for a manifest that was not
   * read.
   */
  #first = new Uint32Array();
  #count = new Uint32Array();
  #named = new Uint32Array();
  #namedCount = 0;
  readonly #referrers = new Map<number, Set<number>>();

  /** Returns whether the children of the node were added. */
  has(node: number | undefined): boolean {
    return node !== undefined && (this.#first[node] ?? 0) !== 0;
  }

  /** Adds the children of a node, all at once. */
  add(node: number, children: ReadonlySet<number>): void {
    this.#first = extendedTo(this.#first, node);
    this.#count = extendedTo(this.#count, node);
    this.#named = extendedTo(this.#named, this.#namedCount + children.size);
    this.#first[node] = children.size === 0 ? NONE : this.#namedCount + 1;
    this.#count[node] = children.size;
    for (const child of children) this.#named[this.#namedCount++] = child;
  }

  addReferrer(subject: number, referrer: number): void {
    this.#referrers.set(subject, (this.#referrers.get(subject) ?? new Set()).add(referrer));
  }

  hasReferrers(): boolean {
    return this.#referrers.size > 0;
  }

  build(nodesCount: number): Pick<BlobGraph, 'childStart' | 'children' | 'referrers'> {
    const childStart = new Uint32Array(nodesCount + 1);
    const children = new Uint32Array(this.#namedCount);
    for (let node = 0, at = 0; node < nodesCount; node++) {
      const first = (this.#first[node] ?? 0) - 1;
      for (let i = 0, count = this.#count[node] ?? 0; i < count; i++) children[at++] = this.#named[first + i] ?? 0;
      childStart[node + 1] = at;
    }
    const referrers = new Map([...this.#referrers].map(([subject, found]) => [subject, [...found]]));
    return { childStart, children, referrers };
  }
}
