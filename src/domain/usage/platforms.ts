import { imageConfigAt, isReadManifest, platformsNamedBy } from '../graph/blob-facts.ts';
import { type BlobGraph, childrenOf, imageConfigOf } from '../graph/graph.ts';

export interface ImageSummary {
  /** Sorted and distinct; empty if there is no platform, null if the config that would name it was not read. */
  readonly platforms: readonly string[] | null;
  /** The creation time of the youngest image, in milliseconds since the epoch; null if no config states one. */
  readonly createdAt: number | null;
}

/** Returns the platforms and the creation time of a manifest and the manifests inside it. Ignores attestations and referrers. */
export function summarizeImages(graph: BlobGraph, root: number): ImageSummary {
  const configNode = imageConfigOf(graph, root);
  return configNode === undefined ? summarizeIndex(graph, root) : summarizeImage(graph, configNode);
}

/** The short way for an image, which contains no other manifests. */
function summarizeImage(graph: BlobGraph, configNode: number): ImageSummary {
  const config = imageConfigAt(graph, configNode);
  if (config === undefined) return { platforms: null, createdAt: null };
  return { platforms: config.platform === undefined ? [] : [config.platform], createdAt: config.createdAt ?? null };
}

function summarizeIndex(graph: BlobGraph, root: number): ImageSummary {
  const platforms = new Set<string>();
  const named = new Set<number>();
  const below = manifestsBelow(graph, root);
  // A platform counts even if its image is not stored.
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

/** Returns the manifest itself and the manifests inside it. */
function manifestsBelow(graph: BlobGraph, root: number): ReadonlySet<number> {
  const found = new Set([root]);
  for (const node of found) {
    if (imageConfigOf(graph, node) !== undefined) continue; // an image contains no other manifests
    for (const child of childrenOf(graph, node)) {
      const isInside = isReadManifest(graph, child) && !graph.subjects.has(child) && graph.isAttestation[child] === 0;
      if (isInside) found.add(child);
    }
  }
  return found;
}
