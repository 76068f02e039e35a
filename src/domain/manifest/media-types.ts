export const MANIFEST_TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  /** Of a draft of OCI 1.1. */
  ociArtifact: 'application/vnd.oci.artifact.manifest.v1+json',
} as const;

const KNOWN_MANIFEST_TYPES: ReadonlySet<string> = new Set(Object.values(MANIFEST_TYPES));

/** Returns whether the media type is that of a manifest or an index. */
export function isManifestType(mediaType: string): boolean {
  return KNOWN_MANIFEST_TYPES.has(bare(mediaType));
}

/**
 * Returns whether the child of an index with that media type is read as a manifest. A child without a type is, because an index lists manifests, and so
 * is one whose type says so, even if this service does not know it: a leaf would hide what it contains. Any other type is a leaf: registries refuse to
 * serve it at `/manifests/`.
 */
export function isManifestChildType(mediaType: string): boolean {
  return bare(mediaType) === '' || isManifestType(mediaType) || SEEMS_A_MANIFEST.test(bare(mediaType));
}

const SEEMS_A_MANIFEST = /[./+-](?:manifest|index)(?:[./+-][^/]*)?\+json$/;

const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.|docker\.image\.rootfs\.|docker\.container\.image\.rootfs\.diff)/;
const FOREIGN_LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;

/** Returns whether the media type is that of a file system layer. A BuildKit cache lists layers among the manifests of an index. */
export function isLayerType(mediaType: string): boolean {
  return LAYER_TYPE.test(mediaType);
}

/** Returns whether blobs of that media type are usually stored outside the registry. Only the type decides, not `urls`. */
export function isForeignLayerType(mediaType: string): boolean {
  return FOREIGN_LAYER_TYPE.test(mediaType);
}

/** The configs that contain the creation time and platform of an image. Docker 1.10 gave its configs no type. */
const IMAGE_CONFIG_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/octet-stream',
  '',
]);

/** Returns whether a config of that media type can be read as that of an image (OCI image-spec, config.md). */
export function isImageConfigType(mediaType: string): boolean {
  return IMAGE_CONFIG_TYPES.has(bare(mediaType));
}

/** Returns whether the media type is that of the config of a BuildKit cache. */
export function isBuildCacheConfigType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.buildkit.cacheconfig.');
}

/** Returns the media type without its parameters, which some proxies add (`; charset=utf-8`), in lower case. */
export function bare(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
