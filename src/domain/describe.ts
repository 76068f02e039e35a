import type { BlobGraph } from './graph.ts';
import type { ImageConfig } from './image-config.ts';
import type { Digest } from './names.ts';

export interface Description {
  /** Sorted, each once; empty for what is for no platform, null where that stands in a config that was not read. */
  readonly platforms: readonly string[] | null;
  /** Of the youngest of its images, in milliseconds since the epoch; null where none of them tells. */
  readonly createdAt: number | null;
}

/** For which platforms a manifest and the manifests in it are, and when they were made. Attestations and referrers have no say in that. */
export function describe(graph: BlobGraph, configs: ReadonlyMap<Digest, ImageConfig>, root: number): Description {
  const platforms = new Set<string>();
  const named = new Set<number>();
  const below = manifestsBelow(graph, root);
  // A platform that is named and not stored is a platform of the index all the same.
  for (const node of below) {
    for (const [child, names] of graph.manifests.get(node)?.platforms ?? []) {
      named.add(child);
      for (const name of names) platforms.add(name);
    }
  }
  let createdAt: number | null = null;
  let isUnread = false;
  for (const node of below) {
    const digest = graph.manifests.get(node)?.imageConfig;
    const config = digest === undefined ? undefined : configs.get(digest);
    if (config?.platform !== undefined && !named.has(node)) platforms.add(config.platform);
    if (digest !== undefined && config === undefined && !named.has(node)) isUnread = true;
    if (config?.createdAt !== undefined) createdAt = Math.max(createdAt ?? 0, config.createdAt);
  }
  return { platforms: platforms.size === 0 && isUnread ? null : [...platforms].sort(), createdAt };
}

/** The manifest itself, and what it consists of. */
function manifestsBelow(graph: BlobGraph, root: number): ReadonlySet<number> {
  const found = new Set([root]);
  for (const node of found) {
    if (graph.manifests.get(node)?.imageConfig !== undefined) continue; // an image consists of no others
    for (const child of graph.children.subarray(graph.childStart[node], graph.childStart[node + 1])) {
      const facts = graph.manifests.get(child);
      if (facts !== undefined && facts.subject === undefined && graph.isAttestation[child] === 0) found.add(child);
    }
  }
  return found;
}
