import type { Kind } from './kind.ts';
import type { Digest } from './names.ts';

/* The blobs of a registry, each digest once, however many names point at it:
 *
 *      tag ──► manifest ──► {manifest, config, layer}
 *
 * Node numbers index every array. The children of node i are children[childStart[i] .. childStart[i + 1]). */
export interface BlobGraph {
  readonly digests: readonly Digest[];
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
  readonly mediaTypeOf: Uint32Array;
  /** Every manifest that was read, by its node. */
  readonly manifests: ReadonlyMap<number, ManifestFacts>;
  readonly configs: ReadonlyMap<Digest, any>;
}

/** What a manifest says of itself besides what it points to. */
export interface ManifestFacts {
  readonly kind: Kind;
  readonly subject: Digest | undefined;
  /** The config to read for an image's platform and time; undefined for what is no image. */
  readonly imageConfig: Digest | undefined;
  /** Of an index: the platforms that it names, by child node. What runs on several is listed once for each. */
  readonly platforms: ReadonlyMap<number, readonly string[]>;
}
