import type { Digest } from '../names.ts';
import type { BlobFacts } from './blob-facts.ts';
import { type DigestTable, type PackedDigests, unpackDigests } from './digest-table.ts';
import type { Numbers } from './typed-arrays.ts';

/* The blobs of a registry, each digest once, however many names point to it:
 *
 *      tag ──► manifest ──► {manifest, config, layer}
 *                 ▲
 *                 └── subject of a referrer, such as a signature
 *
 * A referrer is no child of its subject, nor the other way round: which of them keeps the other alive depends on the garbage collector. Node numbers index every array. The children of node i are children[childStart[i] .. childStart[i + 1]). */
export interface BlobGraph extends BlobFacts {
  readonly digests: DigestTable;
  /** Stored bytes; NaN if unknown. */
  readonly bytes: Float64Array;
  /** 1 if some manifest lists the blob as a layer. */
  readonly isLayer: Uint8Array;
  /** 1 if the manifest, the size of the blob, or the referrers of the manifest could not be read. Every tag that reaches it is incomplete. */
  readonly isMissing: Uint8Array;
  readonly childStart: Uint32Array;
  readonly children: Uint32Array;
  /** By manifest: the referrers that the registry lists in any of its repositories. */
  readonly referrers: ReadonlyMap<number, readonly number[]>;
  /** 1 for a manifest that some index lists as the attestation of an image. */
  readonly isAttestation: Uint8Array;
  /** The media type of node i is mediaTypes[mediaTypeOf[i]]; '' if no descriptor names one. */
  readonly mediaTypes: readonly string[];
  readonly mediaTypeOf: Numbers;
}

export function childrenOf({ childStart, children }: BlobGraph, node: number): Uint32Array {
  return children.subarray(childStart[node], childStart[node + 1]);
}

export function mediaTypeAt({ mediaTypes, mediaTypeOf }: BlobGraph, node: number): string {
  return mediaTypes[mediaTypeOf[node] ?? 0] ?? '';
}

/** Returns the subject that a manifest names. */
export function subjectOf({ digests, subjects }: BlobGraph, node: number): Digest | undefined {
  const subject = subjects.get(node);
  return subject === undefined ? undefined : digests.at(subject);
}

/** Returns the node of an image's config; undefined if the node is not an image. */
export function imageConfigOf({ hasImageConfig, children, childStart }: BlobGraph, node: number): number | undefined {
  return hasImageConfig[node] === 1 ? children[childStart[node] ?? 0] : undefined;
}

/** A graph as plain data. Shares the arrays of the graph. */
export interface PackedGraph extends Omit<BlobGraph, 'digests'> {
  readonly digests: PackedDigests;
}

export function packGraph(graph: BlobGraph): PackedGraph {
  return { ...graph, digests: graph.digests.pack() };
}

export function unpackGraph(packed: PackedGraph): BlobGraph {
  return { ...packed, digests: unpackDigests(packed.digests) };
}
