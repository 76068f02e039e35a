import type { Resumable } from '../../lib/resumable.ts';
import { imageConfigAt, isReadManifest, platformsNamedBy } from '../graph/blob-facts.ts';
import { childrenOf, imageConfigOf, mediaTypeAt } from '../graph/graph.ts';
import { blobsOf } from '../graph/reachable-blobs.ts';
import type { Kind } from '../manifest/manifest-kind.ts';
import { isManifestType } from '../manifest/media-types.ts';
import type { Digest } from '../names.ts';
import type { Contents } from '../snapshot/snapshot.ts';
import { kindOfNode } from './usage-by-kind.ts';

/** A blob that at least one tag or repository keeps. */
export interface BlobUsage {
  readonly digest: Digest;
  /** For a manifest, what it is for; `manifest` if it could not be read. */
  readonly kind: Kind | 'manifest' | 'layer' | 'config';
  /** '' if no descriptor names one. */
  readonly mediaType: string;
  /** Stored bytes; null if unknown. */
  readonly bytes: number | null;
  readonly tagsCount: number;
  readonly repositoriesCount: number;
}

/** Returns what the API shows of a blob. */
export function blobUsage({ graph, usage, accessories }: Contents, node: number): BlobUsage {
  const bytes = graph.bytes[node] ?? Number.NaN;
  const mediaType = mediaTypeAt(graph, node);
  const leafKind = graph.isLayer[node] === 1 ? 'layer' : isManifestType(mediaType) ? 'manifest' : 'config';
  return {
    digest: graph.digests.at(node),
    kind: kindOfNode(graph, accessories, node) ?? leafKind,
    mediaType,
    bytes: Number.isNaN(bytes) ? null : bytes,
    tagsCount: usage.tagsReaching[node] ?? 0,
    repositoriesCount: usage.repositoriesReaching[node] ?? 0,
  };
}

export interface TagBlob extends BlobUsage {
  /** The platforms of the images that contain the blob; empty if it belongs to the tag as a whole, or if no platform is named. */
  readonly platforms: readonly string[];
}

/** A step takes about a tenth of a millisecond. */
const NODES_PER_STEP = 64;

/** Returns the blobs that the tag at a position keeps: its manifest first, and then level by level. Empty if the manifest could not be read. */
export function* blobsOfTag(contents: Contents, position: number): Resumable<readonly TagBlob[]> {
  const { kept } = contents.usage;
  const number = kept.ofTag[position] ?? -1;
  if (number === -1) return [];
  const nodes = blobsOf(kept, number);
  const platforms = yield* platformsOf(contents, nodes);
  const blobs: TagBlob[] = [];
  for (const node of nodes) {
    blobs.push({ ...blobUsage(contents, node), platforms: [...(platforms.get(node) ?? [])].sort() });
    if (blobs.length % NODES_PER_STEP === 0) yield;
  }
  return blobs;
}

/** Returns the platforms of each node. The platform of an image is also that of its config and its layers. */
function* platformsOf(
  { graph }: Contents,
  nodes: Uint32Array | Int32Array,
): Resumable<ReadonlyMap<number, ReadonlySet<string>>> {
  const named = new Map<number, readonly string[]>();
  let count = 0;
  for (const node of nodes) {
    for (const [child, names] of platformsNamedBy(graph, node)) named.set(child, names);
    if (++count % NODES_PER_STEP === 0) yield;
  }
  const platforms = new Map<number, Set<string>>();
  for (const node of nodes) {
    if (++count % NODES_PER_STEP === 0) yield;
    if (!isReadManifest(graph, node) && !named.has(node)) continue;
    if (graph.isAttestation[node] === 1) continue;
    const configNode = imageConfigOf(graph, node);
    const config = configNode === undefined ? undefined : imageConfigAt(graph, configNode);
    const own = named.get(node) ?? (config?.platform === undefined ? [] : [config.platform]);
    for (const blob of [node, ...childrenOf(graph, node)]) {
      const all = platforms.get(blob) ?? new Set();
      for (const platform of own) all.add(platform);
      platforms.set(blob, all);
    }
  }
  return platforms;
}
