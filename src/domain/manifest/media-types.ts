export const MANIFEST_TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
} as const;

const KNOWN_MANIFEST_TYPES: ReadonlySet<string> = new Set(Object.values(MANIFEST_TYPES));

/** Whether the media type is a manifest's or an index's. */
export function isManifestType(mediaType: string): boolean {
  return KNOWN_MANIFEST_TYPES.has(bare(mediaType));
}

/**
 * Whether an index's child of that media type is asked for as a manifest: one without a type too, since manifests are what an index lists.
 * Anything else is a leaf: registries refuse it at `/manifests/`.
 */
export function isManifestChildType(mediaType: string): boolean {
  return bare(mediaType) === '' || isManifestType(mediaType);
}

const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.|docker\.image\.rootfs\.|docker\.container\.image\.rootfs\.diff)/;
const FOREIGN_LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;

/** Whether the media type is a file system layer's (a BuildKit cache lists layers among an index's manifests). */
export function isLayerType(mediaType: string): boolean {
  return LAYER_TYPE.test(mediaType);
}

/** Whether blobs of that media type are as a rule kept elsewhere and not by the registry. The type decides, never `urls`. */
export function isForeignLayerType(mediaType: string): boolean {
  return FOREIGN_LAYER_TYPE.test(mediaType);
}

/** The configs that say when an image was built, and for which platform; Docker 1.10 gave its own no type. */
const IMAGE_CONFIG_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
  'application/octet-stream',
  '',
]);

/** Whether a config of that media type may be read as an image's (OCI image-spec, config.md). */
export function isImageConfigType(mediaType: string): boolean {
  return IMAGE_CONFIG_TYPES.has(bare(mediaType));
}

/** Whether it is the config of a BuildKit cache. */
export function isBuildCacheConfigType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.buildkit.cacheconfig.');
}

/** The media type without its parameters, which some proxies add (`; charset=utf-8`). */
export function bare(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
