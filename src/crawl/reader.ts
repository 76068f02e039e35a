import { GraphBuilder } from '../domain/graph-builder.ts';
import type { ImageConfig } from '../domain/image-config.ts';
import type { Descriptor, Manifest } from '../domain/manifest.ts';
import { isImageConfigType, isManifestChildType } from '../domain/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../domain/names.ts';
import type { Registry } from '../ports.ts';
import { type Bounds, createBounds, type Place } from './bounds.ts';
import { gapFrom, unlessUnavailable } from './failures.ts';
import type { TagFinding } from './findings.ts';

export interface ReaderOptions {
  readonly signal: AbortSignal;
  /** Whether to read the configs of images, for their platforms and times of creation. */
  readonly collectCreated: boolean;
  /** Configs that were read before: what a digest names never changes. */
  readonly knownConfigs: ReadonlyMap<Digest, ImageConfig>;
}

/** Reads manifests, each once however many tags and indexes name it, into one graph. */
export interface Reader {
  readonly builder: GraphBuilder;
  readonly bounds: Bounds;
  /** What was read of the images, by the digest of their configs. */
  readonly configs: ReadonlyMap<Digest, ImageConfig>;
  /** The tag's root, or the gap in its place; undefined where the registry has no such tag. */
  readTag(repository: RepositoryName, name: TagName): Promise<TagFinding | undefined>;
  /** Reads a manifest and all below it. Whether it could be read. */
  readBelow(repository: RepositoryName, digest: Digest, place: Place): Promise<boolean>;
  /** Hangs what refers to a manifest under it, and reads it. */
  readReferrer(repository: RepositoryName, subject: Digest, referrer: Descriptor, place: Place): Promise<void>;
}

export function createReader(registry: Registry, options: ReaderOptions): Reader {
  const { signal } = options;
  const builder = new GraphBuilder();
  const bounds = createBounds();
  const configs = createConfigReader(registry, options);
  const underWay = new Map<Digest, Promise<unknown>>();

  // One after the other: an index has few children, and the tags beside it fill the time.
  async function readAround(repository: RepositoryName, manifest: Manifest, place: Place): Promise<void> {
    await configs.read(repository, manifest);
    bounds.charge(place, 1 + countOf(manifest));
    for (const child of manifestsIn(childrenOf(manifest))) await readChild(repository, child, below(place));
  }

  async function readChild(repository: RepositoryName, digest: Digest, place: Place): Promise<void> {
    await underWay.get(digest);
    if (builder.isRead(digest) || !bounds.allow(place)) return;
    const reading = registry.manifest(repository, digest, signal).then((stored) => {
      if (stored !== undefined) builder.addManifest(digest, stored.sizeBytes, stored.manifest);
      return stored?.manifest;
    }, unlessUnavailable);
    underWay.set(digest, reading);
    const manifest = await reading.finally(() => underWay.delete(digest));
    if (manifest !== undefined) await readAround(repository, manifest, place);
  }

  return {
    builder,
    bounds,
    configs: configs.known,
    async readTag(repository, name) {
      try {
        const stored = await registry.manifest(repository, name, signal);
        if (stored === undefined) return undefined;
        const isNew = !builder.isRead(stored.digest);
        const root = builder.addManifest(stored.digest, stored.sizeBytes, stored.manifest);
        if (isNew) await readAround(repository, stored.manifest, { root, depth: 0 });
        return { name, root };
      } catch (error) {
        return { name, root: undefined, gap: gapFrom(error, repository, name) };
      }
    },
    async readBelow(repository, digest, place) {
      await readChild(repository, digest, place);
      return builder.isRead(digest);
    },
    async readReferrer(repository, subject, referrer, place) {
      builder.addReferrer(subject, referrer);
      bounds.charge(place, 1);
      for (const digest of manifestsIn([referrer])) await readChild(repository, digest, below(place));
    },
  };
}

/** Reads the config of an image, once per digest. One that cannot be read leaves its image without a time, and is no gap: its bytes are known. */
function createConfigReader(registry: Registry, { signal, collectCreated, knownConfigs }: ReaderOptions) {
  const known = new Map<Digest, ImageConfig>();
  const asked = new Set<Digest>();
  return {
    known,
    async read(repository: RepositoryName, manifest: Manifest): Promise<void> {
      if (!collectCreated || manifest.kind !== 'image' || !isImageConfigType(manifest.config.mediaType)) return;
      const { digest } = manifest.config;
      if (asked.has(digest)) return;
      asked.add(digest);
      const config =
        knownConfigs.get(digest) ?? (await registry.imageConfig(repository, digest, signal).catch(unlessUnavailable));
      if (config !== undefined) known.set(digest, config);
    },
  };
}

function below({ root, depth }: Place): Place {
  return { root, depth: depth + 1 };
}

/** What a manifest names, its config aside. */
function countOf(manifest: Manifest): number {
  return manifest.kind === 'index' ? manifest.manifests.length : manifest.layers.length;
}

function childrenOf(manifest: Manifest): readonly Descriptor[] {
  return manifest.kind === 'index' ? manifest.manifests : [];
}

function manifestsIn(descriptors: readonly Descriptor[]): readonly Digest[] {
  return descriptors.filter((child) => isManifestChildType(child.mediaType)).map((child) => child.digest);
}
