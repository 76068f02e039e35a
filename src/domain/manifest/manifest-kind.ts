import { assertNever } from '../../lib/assert-never.ts';
import { type Digest, parseDigest, type TagName } from '../names.ts';
import type { Manifest } from './manifest.ts';
import { isBuildCacheConfigType, isImageConfigType, isLayerType } from './media-types.ts';

/**
 * What a manifest is for. An accessory belongs to something else in the registry, such as a signature to the image that is signed;
 * an attestation says how an image was built; an artifact is anything that is no image, by its own media type.
 */
export type Kind = 'image' | 'index' | 'build-cache' | 'attestation' | 'accessory' | `artifact:${string}`;

/** The kind that a manifest has by itself; what points at it may know better (an index of an attestation, a tag of an accessory). */
export function kindOf(manifest: Manifest): Kind {
  if (manifest.subject !== undefined) return 'accessory';
  switch (manifest.kind) {
    case 'schema1':
      return 'image';
    case 'index':
      if (manifest.manifests.some((child) => isBuildCacheBlob(child.mediaType))) return 'build-cache';
      return manifest.artifactType === undefined ? 'index' : `artifact:${manifest.artifactType}`;
    case 'image': {
      const configType = manifest.config.mediaType;
      if (isBuildCacheConfigType(configType)) return 'build-cache';
      if (manifest.artifactType !== undefined) return `artifact:${manifest.artifactType}`;
      return isImageConfigType(configType) ? 'image' : `artifact:${configType}`;
    }
    default:
      return assertNever(manifest);
  }
}

function isBuildCacheBlob(mediaType: string): boolean {
  return isLayerType(mediaType) || isBuildCacheConfigType(mediaType);
}

/* Tags that only tools make: cosign's for signatures, attestations and SBOMs, and the OCI fallback for registries without a referrers
 * API, which names an index (OCI distribution-spec, "Referrers Tag Schema"):
 *
 *   sha256-<hex>.sig   sha256-<hex>.att   sha256-<hex>.sbom   sha256-<hex> */
const ACCESSORY_TAG = /^sha256-([0-9a-f]{64})(\.(?:sig|att|sbom))?$/;

/** What a tag's name says that it is an accessory of; undefined for every other tag. */
export interface NamedSubject {
  readonly digest: Digest;
  /** Whether it is the fallback tag. Others than tools name tags after hashes too: what it lists has to bear it out. */
  readonly isFallback: boolean;
}

export function subjectNamedBy(tag: TagName): NamedSubject | undefined {
  const [, hex, suffix] = ACCESSORY_TAG.exec(tag) ?? [];
  const digest = hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
  return digest === undefined ? undefined : { digest, isFallback: suffix === undefined };
}
