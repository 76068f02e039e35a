import { z } from 'zod';
import { type Digest, parseDigest } from '../names.ts';
import { bare, MANIFEST_TYPES } from './media-types.ts';

/** What a manifest says of another blob (OCI image-spec, descriptor.md). `sizeBytes` is undefined where it is missing or nonsense. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number | undefined;
  /** Of an index's child: `os/architecture[/variant]`, where it names one. */
  readonly platform?: string;
  /** Whether it is what BuildKit says of an image's build, and no platform. */
  readonly isAttestation?: true;
}

/** The formats of manifests, behind one question: what does this node point to? */
export type Manifest =
  | (ManifestFields & { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] })
  | (ManifestFields & { readonly kind: 'index'; readonly manifests: readonly Descriptor[] })
  /** Docker schema 1: its layers have no sizes, and it has no config blob. */
  | (ManifestFields & { readonly kind: 'schema1'; readonly layers: readonly Digest[] });

/** A body that cannot be read as any format, and why. */
export interface UnsupportedManifest {
  readonly kind: 'unsupported';
  readonly reason: string;
}

interface ManifestFields {
  /** As the registry or the manifest names it; absent where neither does. */
  readonly mediaType?: string;
  /** What it is, where it is no image (OCI image-spec, manifest.md). */
  readonly artifactType?: string;
  /** What it refers to. That is not containment: the subject does not belong to it. */
  readonly subject?: Digest;
}

/**
 * Reads a manifest by its Content-Type, else its `mediaType`, else its shape: media types in the wild outnumber any list.
 * What cannot be read as any format is `unsupported`, with the reason; nothing is thrown.
 */
export function readManifest(contentType: string | undefined, body: unknown): Manifest | UnsupportedManifest {
  const own = shortened(bare(textOf(body, 'mediaType') ?? ''));
  const mediaType = [bare(contentType ?? ''), own].find((type) => FORMAT_OF_TYPE.has(type)) ?? own;
  const format = FORMAT_OF_TYPE.get(mediaType) ?? formatByShape(body);
  if (format === undefined) return { kind: 'unsupported', reason: 'it is no manifest of a known format' };
  try {
    const fields = { ...(mediaType !== '' && { mediaType }), ...referenceFields(body) };
    return { ...fields, ...READERS[format](body) };
  } catch (error) {
    if (error instanceof z.ZodError) return { kind: 'unsupported', reason: reasonOf(error) };
    if (error instanceof DigestError) return { kind: 'unsupported', reason: error.message };
    throw error;
  }
}

type Format = 'image' | 'index' | 'schema1';

const FORMAT_OF_TYPE: ReadonlyMap<string, Format> = new Map([
  [MANIFEST_TYPES.ociIndex, 'index'],
  [MANIFEST_TYPES.dockerList, 'index'],
  [MANIFEST_TYPES.ociManifest, 'image'],
  [MANIFEST_TYPES.dockerManifest, 'image'],
  [MANIFEST_TYPES.dockerSchema1Signed, 'schema1'],
  [MANIFEST_TYPES.dockerSchema1, 'schema1'],
]);

// The schemas check shapes only, and the values are read afterwards: a manifest has many descriptors, and a crawl many manifests.
const descriptor = z.object({ mediaType: z.string().optional(), digest: z.string(), size: z.unknown().optional() });
const child = descriptor.extend({ platform: z.unknown().optional(), annotations: z.unknown().optional() });
const image = z.object({ config: descriptor, layers: z.array(descriptor).nullish() });
const index = z.object({ manifests: z.array(child).nullish() });
const schema1 = z.object({ fsLayers: z.array(z.object({ blobSum: z.string() })) });

const READERS: Readonly<Record<Format, (body: unknown) => Manifest>> = {
  image(body) {
    const { config, layers } = image.parse(body);
    return { kind: 'image', config: toDescriptor(config), layers: (layers ?? []).map(toDescriptor) };
  },
  index: (body) => ({ kind: 'index', manifests: (index.parse(body).manifests ?? []).map(toChild) }),
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

/** `linux/arm/v7` of an index's or a config's fields; undefined where they name none, or `unknown`. */
export function readPlatform(value: unknown): string | undefined {
  const [os, architecture] = [textOf(value, 'os'), textOf(value, 'architecture')];
  if (!os || !architecture || os === 'unknown' || architecture === 'unknown') return undefined;
  const variant = textOf(value, 'variant');
  return [os, architecture, ...(variant ? [variant] : [])].join('/').slice(0, LONGEST_PLATFORM);
}

const LONGEST_PLATFORM = 100;
/** RFC 6838, 4.2: 127 characters for each of its halves. */
const LONGEST_MEDIA_TYPE = 255;

/** Who may push may write anything, of any length, and it stands in the answer for every tag. */
function shortened(mediaType: string): string {
  return mediaType.length > LONGEST_MEDIA_TYPE ? mediaType.slice(0, LONGEST_MEDIA_TYPE) : mediaType;
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
  if (digest === undefined) throw new DigestError(`${JSON.stringify(text.slice(0, 100))} is no digest`);
  return digest;
}

function reasonOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'manifest'}: ${issue?.message ?? 'unreadable'}`;
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

function textOf(value: unknown, key: string): string | undefined {
  return has(value, key) && typeof value[key] === 'string' ? value[key] : undefined;
}

function has<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}
