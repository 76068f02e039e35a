import { byName, type RepositoryName } from '../names.ts';

/* The tree along which figures add up: the registry, its namespaces, their repositories, and their tags.
 *
 *   0 registry
 *   ├─ 1 group                 a namespace: a path that some repository name starts with
 *   │  ├─ 2 group/app          a repository
 *   │  │  ├─ 3 group/app:1.0   a tag
 *   │  │  └─ 4 group/app:2.0
 *   │  └─ 5 group/tools        another one
 *   └─ 7 single
 *
 * Numbers rise in depth-first order: the number of a parent is smaller than those of its children, and all nodes below a node are one range. A path
 * may be both a namespace and a repository (`a` and `a/b`). The namespace `a` then contains the repository `a`. */
export interface Tree {
  /** The parent's number; -1 for the registry. */
  readonly parent: Int32Array;
  /** By node: the position of the tag; NO_TAG for every other node. */
  readonly tagOf: Int32Array;
  /** By position: the node of the tag. */
  readonly nodeOfTag: Uint32Array;
  /** The node of each repository, in the order in which they were given. */
  readonly nodeOfRepository: readonly number[];
  readonly namespaces: readonly NamespaceNode[];
}

export interface NamespaceNode {
  readonly path: string;
  readonly node: number;
}

export const REGISTRY_NODE = 0;
export const NO_TAG = -1;

/**
 * Builds the tree.
 *
 * @param repositories sorted by name; the positions of their tags follow that order
 */
export function buildTree(
  repositories: readonly { readonly name: RepositoryName; readonly tagsCount: number }[],
): Tree {
  const firstTag = starts(repositories.map(({ tagsCount }) => tagsCount));
  const parent: number[] = [-1];
  const tagOf: number[] = [NO_TAG];
  const nodeOfRepository = new Array<number>(repositories.length).fill(0);
  const nodeOfTag = new Uint32Array(firstTag.at(-1) ?? 0);
  const namespaces: NamespaceNode[] = [];
  const paths = namespacePaths(repositories.map(({ name }) => name));
  const add = (below: number, tag = NO_TAG): number => {
    tagOf.push(tag);
    return parent.push(below) - 1;
  };
  let open: readonly NamespaceNode[] = [];
  for (const index of bySegments(repositories)) {
    const { name, tagsCount } = repositories[index] as { name: RepositoryName; tagsCount: number };
    const around = open.filter(({ path }) => name === path || name.startsWith(`${path}/`));
    for (const path of prefixesOf(name).slice(around.length)) {
      if (!paths.has(path)) continue;
      const namespace = { path, node: add(around.at(-1)?.node ?? REGISTRY_NODE) };
      around.push(namespace);
      namespaces.push(namespace);
    }
    open = around;
    const repository = add(around.at(-1)?.node ?? REGISTRY_NODE);
    nodeOfRepository[index] = repository;
    for (let tag = firstTag[index] ?? 0, end = tag + tagsCount; tag < end; tag++) nodeOfTag[tag] = add(repository, tag);
  }
  return {
    parent: Int32Array.from(parent),
    tagOf: Int32Array.from(tagOf),
    nodeOfTag,
    nodeOfRepository,
    namespaces,
  };
}

/** Returns the deepest node that contains both. */
export function lowestCommonAncestor(parent: Int32Array, one: number, other: number): number {
  let [a, b] = [one, other];
  // The node with the larger number cannot contain the other.
  while (a !== b) {
    if (a > b) a = parent[a] ?? 0;
    else b = parent[b] ?? 0;
  }
  return a;
}

/** Returns the path without its last segment; undefined at the top. */
export function parentPath(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? undefined : path.slice(0, slash);
}

/** Returns `a`, `a/b` and `a/b/c` for `a/b/c`. */
export function prefixesOf(name: string): readonly string[] {
  const segments = name.split('/');
  return segments.map((_, i) => segments.slice(0, i + 1).join('/'));
}

/** Returns every path that some repository name continues with further segments. */
function namespacePaths(names: readonly RepositoryName[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => prefixesOf(name).slice(0, -1)));
}

/** Returns the indexes in the order of segments, so that `a` and all names below `a/` are adjacent. As plain text, `a-b` would come between them. */
function bySegments(repositories: readonly { readonly name: RepositoryName }[]): readonly number[] {
  const keys = repositories.map(({ name }) => name.replaceAll('/', '\0'));
  return keys.map((_, index) => index).sort((a, b) => byName(keys[a] ?? '', keys[b] ?? ''));
}

/** Returns where each range of these lengths starts, and where the last one ends. */
function starts(lengths: readonly number[]): readonly number[] {
  const result = [0];
  for (const length of lengths) result.push((result.at(-1) ?? 0) + length);
  return result;
}
