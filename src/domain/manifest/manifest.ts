import { z } from 'zod';
import { type Digest, parseDigest } from '../names.ts';
import { bare, MANIFEST_TYPES } from './media-types.ts';

/** A reference to a blob (OCI image-spec, descriptor.md). `sizeBytes` is undefined if the size is missing or not a number of bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number | undefined;
  /** `os/architecture[/variant]`, if the child of an index names one. */
  readonly platform?: string;
  /** Set for the child of an index in which BuildKit describes a build. It is not an image for a platform. */
  readonly isAttestation?: true;
}

/** A manifest of any format, reduced to the blobs that it names. */
export type Manifest =
  | (ManifestFields & { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] })
  | (ManifestFields & { readonly kind: 'index'; readonly manifests: readonly Descriptor[] })
  /** Docker schema 1: its layers have no sizes, and there is no config blob. */
  | (ManifestFields & { readonly kind: 'schema1'; readonly layers: readonly Digest[] })
  /** The artifact manifest that a draft of OCI 1.1 had: its blobs are read as layers, and there is no config blob. */
  | (ManifestFields & { readonly kind: 'artifact'; readonly layers: readonly Descriptor[] });

/** A body of no known format, or one that contradicts itself, and why it could not be read. */
export type UnreadManifest =
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'contradictory'; readonly reason: string };

interface ManifestFields {
  /** From the Content-Type or the manifest itself; absent if neither names one. */
  readonly mediaType?: string;
  /** The type of an artifact (OCI image-spec, manifest.md). */
  readonly artifactType?: string;
  /** The manifest that this one refers to. The subject is not a part of it. */
  readonly subject?: Digest;
}

/**
 * Reads a manifest. The lists in the body decide on the format: a registry or a proxy may declare a wrong Content-Type, and there are more media types
 * than any list contains. Never throws: a body of no known format is `unsupported`, and one whose `mediaType` or lists contradict each other is
 * `contradictory`, with the reason.
 */
export function readManifest(contentType: string | undefined, body: unknown): Manifest | UnreadManifest {
  const own = shortened(bare(textOf(body, 'mediaType') ?? ''));
  const shapes = Object.entries(FORMAT_OF_LIST).filter(([list]) => has(body, list));
  const [[, format] = []] = shapes;
  const stated = FORMAT_OF_TYPE.get(own);
  if (format === undefined) {
    if (stated !== undefined || FORMAT_OF_TYPE.has(bare(contentType ?? '')))
      return { kind: 'contradictory', reason: 'the manifest has no list of what it contains' };
    return { kind: 'unsupported', reason: 'not a manifest of a known format' };
  }
  if (shapes.length > 1 || (stated !== undefined && stated !== format)) {
    const lists = shapes.map(([list]) => list).join(' and ');
    return { kind: 'contradictory', reason: `the manifest has the list ${lists}, which its media type contradicts` };
  }
  const declared = bare(contentType ?? '');
  const mediaType = stated === undefined && FORMAT_OF_TYPE.get(declared) === format ? declared : own;
  try {
    const fields = { ...(mediaType !== '' && { mediaType }), ...referenceFields(body) };
    return { ...fields, ...READERS[format](body) };
  } catch (error) {
    if (error instanceof z.ZodError) return { kind: 'unsupported', reason: reasonOf(error) };
    if (error instanceof DigestError) return { kind: 'unsupported', reason: error.message };
    throw error;
  }
}

type Format = 'image' | 'index' | 'schema1' | 'artifact';

/** The list that a body of each format has. */
const FORMAT_OF_LIST: Readonly<Record<string, Format>> = {
  manifests: 'index',
  layers: 'image',
  fsLayers: 'schema1',
  blobs: 'artifact',
};

const FORMAT_OF_TYPE: ReadonlyMap<string, Format> = new Map([
  [MANIFEST_TYPES.ociIndex, 'index'],
  [MANIFEST_TYPES.dockerList, 'index'],
  [MANIFEST_TYPES.ociManifest, 'image'],
  [MANIFEST_TYPES.dockerManifest, 'image'],
  [MANIFEST_TYPES.dockerSchema1Signed, 'schema1'],
  [MANIFEST_TYPES.dockerSchema1, 'schema1'],
  [MANIFEST_TYPES.ociArtifact, 'artifact'],
]);

// The schemas check only types. The values are checked afterwards, which is faster: a crawl reads many manifests with many descriptors each.
const descriptor = z.object({ mediaType: z.string().optional(), digest: z.string(), size: z.unknown().optional() });
const child = descriptor.extend({ platform: z.unknown().optional(), annotations: z.unknown().optional() });
const image = z.object({ config: descriptor, layers: z.array(descriptor).nullish() });
const index = z.object({ manifests: z.array(child).nullish() });
const artifact = z.object({ blobs: z.array(descriptor).nullish() });
const schema1 = z.object({ fsLayers: z.array(z.object({ blobSum: z.string() })) });

const READERS: Readonly<Record<Format, (body: unknown) => Manifest>> = {
  image(body) {
    const { config, layers } = image.parse(body);
    return { kind: 'image', config: toDescriptor(config), layers: (layers ?? []).map(toDescriptor) };
  },
  index: (body) => ({ kind: 'index', manifests: (index.parse(body).manifests ?? []).map(toChild) }),
  artifact: (body) => ({ kind: 'artifact', layers: (artifact.parse(body).blobs ?? []).map(toDescriptor) }),
  schema1: (body) => ({
    kind: 'schema1',
    layers: schema1.parse(body).fsLayers.map((layer) => toDigest(layer.blobSum)),
  }),
};

function toDescriptor({ mediaType = '', digest, size }: z.infer<typeof descriptor>): Descriptor {
  return { mediaType: shortened(mediaType), digest: toDigest(digest), sizeBytes: byteCount(size) };
}

function toChild(found: z.infer<typeof child>): Descriptor {
  const platform = readPlatform(found.platform);
  const isAttestation = textOf(found.annotations, 'vnd.docker.reference.type') === 'attestation-manifest';
  return {
    ...toDescriptor(found),
    ...(platform !== undefined && { platform }),
    ...(isAttestation && { isAttestation }),
  };
}

/** Reads a platform such as `linux/arm/v7` from the fields of an index or a config. Returns undefined if they name none, or `unknown`. */
export function readPlatform(value: unknown): string | undefined {
  const [os, architecture] = [textOf(value, 'os'), textOf(value, 'architecture')];
  if (!os || !architecture || os === 'unknown' || architecture === 'unknown') return undefined;
  const variant = textOf(value, 'variant');
  return [os, architecture, ...(variant ? [variant] : [])].join('/').slice(0, MAX_PLATFORM_LENGTH);
}

const MAX_PLATFORM_LENGTH = 100;
/** RFC 6838, section 4.2: each half has at most 127 characters. */
const MAX_MEDIA_TYPE_LENGTH = 255;

/** Limits the length of a media type: anyone who may push can choose it, and API responses contain it for every tag. */
function shortened(mediaType: string): string {
  return mediaType.length > MAX_MEDIA_TYPE_LENGTH ? mediaType.slice(0, MAX_MEDIA_TYPE_LENGTH) : mediaType;
}

function referenceFields(body: unknown): ManifestFields {
  const artifactType = shortened(textOf(body, 'artifactType') ?? '');
  const text = has(body, 'subject') ? textOf(body.subject, 'digest') : undefined;
  const subject = text === undefined ? undefined : parseDigest(text);
  return { ...(artifactType && { artifactType }), ...(subject !== undefined && { subject }) };
}

class DigestError extends Error {
  override readonly name = 'DigestError';
}

function toDigest(text: string): Digest {
  const digest = parseDigest(text);
  if (digest === undefined) throw new DigestError(`${JSON.stringify(text.slice(0, 100))} is not a digest`);
  return digest;
}

function reasonOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'manifest'}: ${issue?.message ?? 'unreadable'}`;
}

function byteCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function textOf(value: unknown, key: string): string | undefined {
  return has(value, key) && typeof value[key] === 'string' ? value[key] : undefined;
}

function has<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}
