import { imageConfigAt, isReadManifest, platformsNamedBy } from '../graph/blob-facts.ts';
import { type BlobGraph, childrenOf, imageConfigOf } from '../graph/graph.ts';

export interface Description {
  /** Sorted, each once; empty for what is for no platform, null where that stands in a config that was not read. */
  readonly platforms: readonly string[] | null;
  /** Of the youngest of its images, in milliseconds since the epoch; null where none of them tells. */
  readonly createdAt: number | null;
}

/** For which platforms a manifest and the manifests in it are, and when they were made. Attestations and referrers have no say in that. */
export function describe(graph: BlobGraph, root: number): Description {
  const configNode = imageConfigOf(graph, root);
  return configNode === undefined ? describeMany(graph, root) : describeImage(graph, configNode);
}

/** Most are that: an image consists of no others. */
function describeImage(graph: BlobGraph, configNode: number): Description {
  const config = imageConfigAt(graph, configNode);
  if (config === undefined) return { platforms: null, createdAt: null };
  return { platforms: config.platform === undefined ? [] : [config.platform], createdAt: config.createdAt ?? null };
}

function describeMany(graph: BlobGraph, root: number): Description {
  const platforms = new Set<string>();
  const named = new Set<number>();
  const below = manifestsBelow(graph, root);
  // A platform that is named and not stored is a platform of the index all the same.
  for (const node of below) {
    for (const [child, names] of platformsNamedBy(graph, node)) {
      named.add(child);
      for (const name of names) platforms.add(name);
    }
  }
  let createdAt: number | null = null;
  let isUnread = false;
  for (const node of below) {
    const configNode = imageConfigOf(graph, node);
    const config = configNode === undefined ? undefined : imageConfigAt(graph, configNode);
    if (config?.platform !== undefined && !named.has(node)) platforms.add(config.platform);
    if (configNode !== undefined && config === undefined && !named.has(node)) isUnread = true;
    if (config?.createdAt !== undefined) createdAt = Math.max(createdAt ?? 0, config.createdAt);
  }
  return { platforms: platforms.size === 0 && isUnread ? null : [...platforms].sort(), createdAt };
}

/** The manifest itself, and what it consists of. */
function manifestsBelow(graph: BlobGraph, root: number): ReadonlySet<number> {
  const found = new Set([root]);
  for (const node of found) {
    if (imageConfigOf(graph, node) !== undefined) continue; // an image consists of no others
    for (const child of childrenOf(graph, node)) {
      const isOwn = isReadManifest(graph, child) && !graph.subjects.has(child) && graph.isAttestation[child] === 0;
      if (isOwn) found.add(child);
    }
  }
  return found;
}
