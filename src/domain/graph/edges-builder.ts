import type { BlobGraph } from './graph.ts';
import { withRoomAt } from './typed-arrays.ts';

/** More than there can be edges. */
const NONE = 2 ** 32 - 1;

/** Collects what each node points to: what a manifest names, and what hangs under it besides. */
export class EdgesBuilder {
  // By node, and longer than there are nodes.
  /** Where in `#named` the children begin, counted from 1; NONE for a manifest without any, and 0 for what was not read and for every leaf. */
  #first = new Uint32Array();
  #count = new Uint32Array();
  #named = new Uint32Array();
  #namedCount = 0;
  readonly #hanging = new Map<number, Set<number>>();

  /** Whether the children of that node were added. */
  has(node: number | undefined): boolean {
    return node !== undefined && (this.#first[node] ?? 0) !== 0;
  }

  /** Adds all children of a node, each once. */
  add(node: number, children: ReadonlySet<number>): void {
    this.#first = withRoomAt(this.#first, node);
    this.#count = withRoomAt(this.#count, node);
    this.#named = withRoomAt(this.#named, this.#namedCount + children.size);
    this.#first[node] = children.size === 0 ? NONE : this.#namedCount + 1;
    this.#count[node] = children.size;
    for (const child of children) this.#named[this.#namedCount++] = child;
  }

  hang(under: number, node: number): void {
    this.#hanging.set(under, (this.#hanging.get(under) ?? new Set()).add(node));
  }

  hasHanging(): boolean {
    return this.#hanging.size > 0;
  }

  build(nodesCount: number): Pick<BlobGraph, 'childStart' | 'children'> {
    const hangingCount = [...this.#hanging.values()].reduce((sum, { size }) => sum + size, 0);
    const childStart = new Uint32Array(nodesCount + 1);
    const children = new Uint32Array(this.#namedCount + hangingCount);
    for (let node = 0, at = 0; node < nodesCount; node++) {
      const first = (this.#first[node] ?? 0) - 1;
      for (let i = 0, count = this.#count[node] ?? 0; i < count; i++) children[at++] = this.#named[first + i] ?? 0;
      for (const hanging of this.#hanging.get(node) ?? []) children[at++] = hanging;
      childStart[node + 1] = at;
    }
    return { childStart, children };
  }
}
