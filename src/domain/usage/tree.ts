import { byName, type RepositoryName } from '../names.ts';

/* Where figures add up: the registry, its namespaces, their repositories, and the tags of those.
 *
 *   0 registry
 *   ├─ 1 group                 a namespace: a path that some repository's name goes on from
 *   │  ├─ 2 group/app          a repository
 *   │  │  ├─ 3 group/app:1.0   a tag
 *   │  │  └─ 4 group/app:2.0
 *   │  └─ 5 group/tools        another one
 *   └─ 7 single
 *
 * Numbers rise in depth-first order, so that a parent's is smaller than its children's, and whatever is below a node is one run. A path may
 * be both a namespace and a repository (`a` and `a/b`): the namespace `a` then holds the repository `a`. */
export interface Tree {
  /** The parent's number; -1 for the registry. */
  readonly parent: Int32Array;
  /** The tag at that node, by its position; NO_TAG at every node that is none. */
  readonly tagOf: Int32Array;
  /** The node of the tag at that position. */
  readonly nodeOfTag: Uint32Array;
  /** The node of each repository, in the order that they were given in. */
  readonly nodeOfRepository: readonly number[];
  readonly namespaces: readonly NamespaceNode[];
}

export interface NamespaceNode {
  readonly path: string;
  readonly node: number;
}

export const REGISTRY_NODE = 0;
export const NO_TAG = -1;

/** @param repositories sorted by name; the positions of their tags follow that order */
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

/** The node that is closest to both and holds both. */
export function lowestCommonAncestor(parent: Int32Array, one: number, other: number): number {
  let [a, b] = [one, other];
  // Of two nodes the one with the larger number cannot hold the other.
  while (a !== b) {
    if (a > b) a = parent[a] ?? 0;
    else b = parent[b] ?? 0;
  }
  return a;
}

/** The path one segment up; undefined at the top. */
export function parentPath(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? undefined : path.slice(0, slash);
}

/** `a`, `a/b` and `a/b/c` of `a/b/c`. */
export function prefixesOf(name: string): readonly string[] {
  const segments = name.split('/');
  return segments.map((_, i) => segments.slice(0, i + 1).join('/'));
}

/** Every path that is the beginning, by segment, of some repository's name. */
function namespacePaths(names: readonly RepositoryName[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => prefixesOf(name).slice(0, -1)));
}

/** Segment by segment, so that `a` and all that begins with `a/` lie together: as plain text `a-b` would come between them. */
function bySegments(repositories: readonly { readonly name: RepositoryName }[]): readonly number[] {
  const keys = repositories.map(({ name }) => name.replaceAll('/', '\0'));
  return keys.map((_, index) => index).sort((a, b) => byName(keys[a] ?? '', keys[b] ?? ''));
}

/** Where each of the runs of such lengths starts, and where the last one ends. */
function starts(lengths: readonly number[]): readonly number[] {
  const result = [0];
  for (const length of lengths) result.push((result.at(-1) ?? 0) + length);
  return result;
}
