import { isReadManifest } from '../graph/blob-facts.ts';
import { type BlobGraph, childrenOf } from '../graph/graph.ts';
import { NO_ROOT } from '../graph/reachable-blobs.ts';
import { byName, type Digest, type RepositoryName, type TagName } from '../names.ts';
import type { GarbageCollector } from './garbage-collector.ts';

/** What a run of the garbage collector would destroy although tags contain it. */
export interface Hazard {
  readonly destroys: Exclude<GarbageCollector['destroys'], 'nothing'>;
  /** Tags of indexes that would lose manifests. */
  readonly tagsCount: number;
  /** Manifests that would be destroyed, each once per repository. */
  readonly manifestsCount: number;
  /** The first of the tags, by repository and name. */
  readonly examples: readonly HazardExample[];
}

export interface HazardExample {
  readonly repository: RepositoryName;
  readonly tag: TagName;
  readonly digest: Digest;
  /** How many manifests the index would lose. */
  readonly manifestsCount: number;
}

interface TaggedRepository {
  readonly name: RepositoryName;
  readonly tags: readonly { readonly name: TagName; readonly root?: number | undefined }[];
}

const MAX_EXAMPLES = 20;

/** Returns what the collector would destroy; undefined if that is nothing. The time is linear in the manifests that tagged indexes contain. */
export function findHazard(
  graph: BlobGraph,
  repositories: readonly TaggedRepository[],
  { destroys }: GarbageCollector,
): Hazard | undefined {
  if (destroys === 'nothing') return undefined;
  const examples: HazardExample[] = [];
  let tagsCount = 0;
  let manifestsCount = 0;
  for (const { name: repository, tags } of repositories) {
    const kept = keptIn(graph, tags, destroys);
    const destroyed = new Set<number>();
    for (const { name: tag, root = NO_ROOT } of [...tags].sort((a, b) => byName(a.name, b.name))) {
      if (root === NO_ROOT) continue;
      const lost = manifestsBelow(graph, root).filter((node) => !kept.has(node));
      if (lost.length === 0) continue;
      tagsCount++;
      for (const node of lost) destroyed.add(node);
      if (examples.length < MAX_EXAMPLES)
        examples.push({ repository, tag, digest: graph.digests.at(root), manifestsCount: lost.length });
    }
    manifestsCount += destroyed.size;
  }
  return tagsCount === 0 ? undefined : { destroys, tagsCount, manifestsCount, examples };
}

/** Returns the manifests that the collector keeps in a repository. */
function keptIn(graph: BlobGraph, tags: TaggedRepository['tags'], destroys: Hazard['destroys']): ReadonlySet<number> {
  const tagged = tags.flatMap(({ root }) => (root === undefined || root === NO_ROOT ? [] : [root]));
  if (destroys === 'untagged children of indexes') return new Set(tagged);
  return new Set([...tagged, ...tagged.flatMap((root) => childManifests(graph, root))]);
}

function childManifests(graph: BlobGraph, node: number): readonly number[] {
  return [...childrenOf(graph, node)].filter((child) => isReadManifest(graph, child));
}

/** Returns the manifests inside a manifest, at any depth. */
function manifestsBelow(graph: BlobGraph, root: number): readonly number[] {
  const found = new Set([root]);
  for (const node of found) for (const child of childManifests(graph, node)) found.add(child);
  found.delete(root);
  return [...found];
}
