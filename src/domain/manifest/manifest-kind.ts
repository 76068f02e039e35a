import { assertNever } from '../../lib/assert-never.ts';
import { type Digest, parseDigest, type TagName } from '../names.ts';
import type { Manifest } from './manifest.ts';
import { isBuildCacheConfigType, isImageConfigType, isLayerType } from './media-types.ts';

/**
 * What a manifest is for. An accessory belongs to another manifest, such as a signature to the image that it signs. An attestation states how an image
 * was built. An artifact is anything but an image, and named by its own media type.
 */
export type Kind = 'image' | 'index' | 'build-cache' | 'attestation' | 'accessory' | `artifact:${string}`;

/**
 * Returns the kind of a manifest by its own content. References may override it: an index marks attestations, and a tag name accessories.
 */
export function kindOf(manifest: Manifest): Kind {
  if (manifest.subject !== undefined) return 'accessory';
  switch (manifest.kind) {
    case 'schema1':
      return 'image';
    case 'artifact':
      return `artifact:${manifest.artifactType ?? manifest.mediaType ?? ''}`;
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

/* Tags that tools create: those of cosign for signatures, attestations and SBOMs, and the fallback tag for registries without a referrers API, which
 * points at an index of referrers (OCI distribution-spec, "Referrers Tag Schema"):
 *
 *   sha256-<hex>.sig   sha256-<hex>.att   sha256-<hex>.sbom   sha256-<hex> */
const ACCESSORY_TAG = /^sha256-([0-9a-f]{64})(\.(?:sig|att|sbom))?$/;

/** The digest in the name of an accessory tag. */
export interface NamedSubject {
  readonly digest: Digest;
  /** Whether the name is that of a fallback tag. Users also name tags after hashes, so the index that it points at must confirm it. */
  readonly isFallback: boolean;
}

/** Returns the digest that the name of an accessory tag contains; undefined for every other tag. */
export function subjectNamedBy(tag: TagName): NamedSubject | undefined {
  const [, hex, suffix] = ACCESSORY_TAG.exec(tag) ?? [];
  const digest = hex === undefined ? undefined : parseDigest(`sha256:${hex}`);
  return digest === undefined ? undefined : { digest, isFallback: suffix === undefined };
}
