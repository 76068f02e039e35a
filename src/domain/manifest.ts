import { z } from 'zod';
import { type Digest, parseDigest } from './names.ts';

/** What a manifest says of another blob (OCI image-spec, descriptor.md). `sizeBytes` is undefined where it is missing or nonsense. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number | undefined;
}

/** The formats of manifests, behind one question: what does this node point to? */
export type Manifest =
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
  /** Docker schema 1: its layers have no sizes, and it has no config blob. */
  | { readonly kind: 'schema1'; readonly layers: readonly Digest[] }
  | { readonly kind: 'unsupported'; readonly reason: string };

export const MANIFEST_TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
} as const;

const KNOWN_MANIFEST_TYPES: ReadonlySet<string> = new Set(Object.values(MANIFEST_TYPES));

/** Whether a child of that media type is asked for as a manifest. Anything else is a leaf: registries refuse it at `/manifests/`. */
export function isManifestType(mediaType: string): boolean {
  return KNOWN_MANIFEST_TYPES.has(bare(mediaType));
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

/**
 * Reads a manifest by its Content-Type, else its `mediaType`, else its shape: media types in the wild outnumber any list.
 * What cannot be read as any format is `unsupported`, with the reason; nothing is thrown.
 */
export function readManifest(contentType: string | undefined, body: unknown): Manifest {
  const declared = contentType === undefined ? undefined : FORMAT_OF_TYPE[bare(contentType)];
  const format = declared ?? formatByMediaType(body) ?? formatByShape(body);
  if (format === undefined) return { kind: 'unsupported', reason: 'it is no manifest of a known format' };
  try {
    return READERS[format](body);
  } catch (error) {
    if (error instanceof z.ZodError) return { kind: 'unsupported', reason: reasonOf(error) };
    if (error instanceof DigestError) return { kind: 'unsupported', reason: error.message };
    throw error;
  }
}

type Format = 'image' | 'index' | 'schema1';

const FORMAT_OF_TYPE: Readonly<Record<string, Format>> = {
  [MANIFEST_TYPES.ociIndex]: 'index',
  [MANIFEST_TYPES.dockerList]: 'index',
  [MANIFEST_TYPES.ociManifest]: 'image',
  [MANIFEST_TYPES.dockerManifest]: 'image',
  [MANIFEST_TYPES.dockerSchema1Signed]: 'schema1',
  [MANIFEST_TYPES.dockerSchema1]: 'schema1',
};

// The schemas check shapes only, and the values are read afterwards: a manifest has many descriptors, and a crawl many manifests.
const descriptor = z.object({ mediaType: z.string().optional(), digest: z.string(), size: z.unknown() });
const image = z.object({ config: descriptor, layers: z.array(descriptor).nullish() });
const index = z.object({ manifests: z.array(descriptor).nullish() });
const schema1 = z.object({ fsLayers: z.array(z.object({ blobSum: z.string() })) });

const READERS: Readonly<Record<Format, (body: unknown) => Manifest>> = {
  image(body) {
    const { config, layers } = image.parse(body);
    return { kind: 'image', config: toDescriptor(config), layers: (layers ?? []).map(toDescriptor) };
  },
  index: (body) => ({ kind: 'index', manifests: (index.parse(body).manifests ?? []).map(toDescriptor) }),
  schema1: (body) => ({
    kind: 'schema1',
    layers: schema1.parse(body).fsLayers.map((layer) => toDigest(layer.blobSum)),
  }),
};

function toDescriptor({ mediaType = '', digest, size }: z.infer<typeof descriptor>): Descriptor {
  return { mediaType, digest: toDigest(digest), sizeBytes: byteCount(size) };
}

class DigestError extends Error {
  override readonly name = 'DigestError';
}

function toDigest(text: string): Digest {
  const digest = parseDigest(text);
  if (digest === undefined) throw new DigestError(`${JSON.stringify(text.slice(0, 100))} is no digest`);
  return digest;
}

function reasonOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'manifest'}: ${issue?.message ?? 'unreadable'}`;
}

function formatByMediaType(body: unknown): Format | undefined {
  if (!has(body, 'mediaType') || typeof body.mediaType !== 'string') return undefined;
  return FORMAT_OF_TYPE[bare(body.mediaType)];
}

function formatByShape(body: unknown): Format | undefined {
  if (has(body, 'manifests')) return 'index';
  if (has(body, 'layers')) return 'image';
  if (has(body, 'fsLayers')) return 'schema1';
  return undefined;
}

function byteCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The media type without its parameters, which some proxies add (`; charset=utf-8`). */
function bare(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function has<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}
