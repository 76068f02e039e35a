/** Deeper than this nobody nests manifests but to harm whoever follows them. The root is at depth 0. */
export const DEEPEST_NESTING = 32;
/** Nor are so many manifests, configs and layers below one root: a registry can make up a new referrer for every question. */
const MOST_BELOW_A_ROOT = 50_000;

/** Where a manifest is met: so deep below that root. Whatever it names counts for the root. */
export interface Place {
  /** The root's node. */
  readonly root: number;
  readonly depth: number;
}

/** How far a crawl follows what hangs below each root. What lies beyond stays unread, and so its root incomplete. */
export interface Bounds {
  allow(place: Place): boolean;
  /** Counts what was found below a root. */
  charge(place: Place, nodesCount: number): void;
  isExhausted(root: number): boolean;
}

export function createBounds(): Bounds {
  const nodesBelow = new Map<number, number>();
  const isExhausted = (root: number): boolean => (nodesBelow.get(root) ?? 0) >= MOST_BELOW_A_ROOT;
  return {
    allow: ({ root, depth }) => depth <= DEEPEST_NESTING && !isExhausted(root),
    charge({ root }, nodesCount) {
      nodesBelow.set(root, (nodesBelow.get(root) ?? 0) + nodesCount);
    },
    isExhausted,
  };
}
