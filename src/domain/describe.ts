import type { BlobGraph } from './graph.ts';
import type { ImageConfig } from './image-config.ts';
import type { Digest } from './names.ts';

export interface Description {
  /** Sorted, each once; empty where nobody names one. */
  readonly platforms: readonly string[];
  /** Of the youngest of its images, in milliseconds since the epoch; null where none of them tells. */
  readonly createdAt: number | null;
}

/** For which platforms a manifest and the manifests in it are, and when they were made. Attestations and referrers have no say in that. */
export function describe(graph: BlobGraph, configs: ReadonlyMap<Digest, ImageConfig>, root: number): Description {
  const platforms = new Set<string>();
  let createdAt: number | undefined;
  const seen = new Set([root]);
  const named = new Map<number, string>();
  for (const node of seen) {
    const facts = graph.manifests.get(node);
    const config = facts?.imageConfig === undefined ? undefined : configs.get(facts.imageConfig);
    const platform = named.get(node) ?? config?.platform;
    if (platform !== undefined) platforms.add(platform);
    if (config?.createdAt !== undefined) createdAt = Math.max(createdAt ?? 0, config.createdAt);
    for (const [child, childPlatform] of facts?.platforms ?? []) named.set(child, childPlatform);
    for (let edge = graph.childStart[node] ?? 0, end = graph.childStart[node + 1] ?? 0; edge < end; edge++) {
      const child = graph.children[edge] ?? 0;
      const isImage = graph.isAttestation[child] === 0 && graph.manifests.get(child)?.subject === undefined;
      if (isImage && graph.manifests.has(child)) seen.add(child);
    }
  }
  // A platform that is named and not stored is a platform of the index all the same.
  for (const platform of graph.manifests.get(root)?.platforms.values() ?? []) platforms.add(platform);
  return { platforms: [...platforms].sort(), createdAt: createdAt ?? null };
}
