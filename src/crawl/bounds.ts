/** The deepest level of nested manifests that a crawl follows; the root is at depth 0. Only a hostile registry nests deeper. */
export const MAX_DEPTH = 32;
/** The most manifests, configs and layers that a crawl follows below one root: a hostile registry could invent a new referrer for every question. */
const MAX_NODES_BELOW_ROOT = 50_000;

/**
 * Where a crawl meets a manifest: at a depth below a root. What the manifest names is counted for that root. Manifests beyond the bounds are not
 * read, so the root is incomplete.
 */
export interface Place {
  readonly root: RootCount;
  readonly depth: number;
}

/** How many nodes were found below one root so far. */
export interface RootCount {
  nodesCount: number;
}

/** Returns the place of a root below which `nodesCount` nodes are known. */
export function atRoot(nodesCount = 0): Place {
  return { root: { nodesCount }, depth: 0 };
}

export function below({ root, depth }: Place): Place {
  return { root, depth: depth + 1 };
}

export function isWithinBounds({ root, depth }: Place): boolean {
  return depth <= MAX_DEPTH && root.nodesCount < MAX_NODES_BELOW_ROOT;
}
