import type { ImageConfig } from '../manifest/image-config.ts';
import type { Digest } from '../names.ts';
import { type BlobFacts, imageConfigAt } from './blob-facts.ts';
import { type DigestTable, type PackedDigests, unpackDigests } from './digest-table.ts';
import type { Numbers } from './typed-arrays.ts';

/* The blobs of a registry, each digest once, however many names point at it:
 *
 *      tag ──► manifest ──► {manifest, config, layer}
 *
 * Node numbers index every array. The children of node i are children[childStart[i] .. childStart[i + 1]). */
export interface BlobGraph extends BlobFacts {
  readonly digests: DigestTable;
  /** Stored bytes; NaN where nobody could tell. */
  readonly bytes: Float64Array;
  /** 1 where some manifest lists the blob as a layer. */
  readonly isLayer: Uint8Array;
  /** 1 where a manifest, the size of a blob, or what refers to a manifest was asked for and not had: whoever reaches it is incomplete. */
  readonly isMissing: Uint8Array;
  readonly childStart: Uint32Array;
  readonly children: Uint32Array;
  /** 1 for a manifest that some index calls the attestation of an image. */
  readonly isAttestation: Uint8Array;
  /** Of the node i it is mediaTypes[mediaTypeOf[i]]; '' where nobody names one. */
  readonly mediaTypes: readonly string[];
  readonly mediaTypeOf: Numbers;
}

export function childrenOf({ childStart, children }: BlobGraph, node: number): Uint32Array {
  return children.subarray(childStart[node], childStart[node + 1]);
}

export function mediaTypeAt({ mediaTypes, mediaTypeOf }: BlobGraph, node: number): string {
  return mediaTypes[mediaTypeOf[node] ?? 0] ?? '';
}

/** What a manifest refers to, by its own word. */
export function subjectOf({ digests, subjects }: BlobGraph, node: number): Digest | undefined {
  const subject = subjects.get(node);
  return subject === undefined ? undefined : digests.at(subject);
}

/** The node of the config to read for an image's platform and time; undefined for what is no image. */
export function imageConfigOf({ hasImageConfig, children, childStart }: BlobGraph, node: number): number | undefined {
  return hasImageConfig[node] === 1 ? children[childStart[node] ?? 0] : undefined;
}

/** What was read of the images, by the digest of their configs. */
export function imageConfigsOf(graph: BlobGraph | undefined): Pick<ReadonlyMap<Digest, ImageConfig>, 'get'> {
  return {
    get(digest) {
      const node = graph?.digests.nodeOf(digest);
      return graph === undefined || node === undefined ? undefined : imageConfigAt(graph, node);
    },
  };
}

/** A graph as plain data, which shares its arrays. */
export interface PackedGraph extends Omit<BlobGraph, 'digests'> {
  readonly digests: PackedDigests;
}

export function packGraph(graph: BlobGraph): PackedGraph {
  return { ...graph, digests: graph.digests.pack() };
}

export function unpackGraph(packed: PackedGraph): BlobGraph {
  return { ...packed, digests: unpackDigests(packed.digests) };
}
