/** Deeper than this nobody nests manifests but to harm whoever follows them. The root is at depth 0. */
export const DEEPEST_NESTING = 32;
/** Nor are so many manifests, configs and layers below one root: a registry can make up a new referrer for every question. */
const MOST_BELOW_A_ROOT = 50_000;

/** Where a manifest is met: so deep below a root. Whatever it names counts for the root. What lies beyond the bounds stays unread, and so its root incomplete. */
export interface Place {
  readonly root: Allowance;
  readonly depth: number;
}

/** What was found below one root so far. */
export interface Allowance {
  nodesCount: number;
}

/** The place of a root, of which so much is known. */
export function atRoot(nodesCount = 0): Place {
  return { root: { nodesCount }, depth: 0 };
}

export function below({ root, depth }: Place): Place {
  return { root, depth: depth + 1 };
}

export function isWithinBounds({ root, depth }: Place): boolean {
  return depth <= DEEPEST_NESTING && root.nodesCount < MOST_BELOW_A_ROOT;
}
