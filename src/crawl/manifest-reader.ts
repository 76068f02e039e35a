import type { Descriptor, Manifest } from '../domain/manifest/manifest.ts';
import { isImageConfigType, isManifestChildType } from '../domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../domain/names.ts';
import type { TagRecord } from '../domain/snapshot/repository-record.ts';
import type { ListedTag, ManifestCache, Registry, StoredManifest } from '../ports.ts';
import { atRoot, below, isWithinBounds, type Place } from './bounds.ts';
import { gapFrom, unlessUnavailable } from './gap-from-error.ts';

export interface ManifestReaderOptions {
  readonly signal: AbortSignal;
  /** Whether to read the config blobs of images, which contain their platforms and creation times. */
  readonly collectCreated: boolean;
  /** Whether to also ask for manifests in the cache: a registry reports an unchanged tag without checking that its manifest is stored. */
  readonly isThorough: boolean;
}

/** The tags of a repository that was read before. */
export interface KnownTags {
  /** The digests that the tags pointed at. */
  readonly digests: ReadonlyMap<TagName, Digest>;
  /** Those of the digests whose manifests are in the cache. */
  readonly cached: ReadonlySet<Digest>;
}

/** Reads manifests that are not cached into the cache: each once, even if several tags and indexes name it. */
export interface ManifestReader {
  /**
   * Returns what the tag points at, or a gap if it cannot be read. Returns undefined if the registry has no such tag.
   *
   * @param known undefined if the repository was never read
   */
  readTag(repository: RepositoryName, tag: ListedTag, known: KnownTags | undefined): Promise<TagRecord | undefined>;
  /** Reads a manifest and all manifests below it. Returns whether it could be read. */
  readBelow(repository: RepositoryName, digest: Digest, place: Place): Promise<boolean>;
}

export function createManifestReader(
  registry: Registry,
  cache: ManifestCache,
  options: ManifestReaderOptions,
): ManifestReader {
  const { signal } = options;
  const { read, follow } = createFollower(registry, cache, options);

  async function readByName(repository: RepositoryName, name: TagName): Promise<Digest | undefined> {
    const stored = await registry.manifest(repository, name, signal);
    if (stored === undefined) return undefined;
    await cache.saveManifest(stored);
    await follow(repository, stored, atRoot());
    return stored.digest;
  }

  return {
    async readTag(repository, { name, digest: listed }, known) {
      try {
        // Hardly any manifest of a repository that was never read is cached: reading it at once takes one request instead of two.
        if (listed === undefined && known === undefined) return toRecord(name, await readByName(repository, name));
        const before = options.isThorough ? undefined : known?.digests.get(name);
        const digest = listed ?? (await registry.resolve(repository, name, before, signal));
        // All below this manifest was followed when it was read; `resolveMissing` asks for what was missing then.
        if (digest !== undefined && digest === before && known?.cached.has(digest)) return { name, digest };
        const isThere = digest !== undefined && (await read(repository, digest, atRoot()));
        return toRecord(name, isThere ? digest : undefined);
      } catch (error) {
        return { name, digest: undefined, gap: gapFrom(error, repository, name) };
      }
    },
    readBelow: async (repository, digest, place) =>
      (await read(repository, digest, place).catch(unlessUnavailable)) ?? false,
  };
}

/** Reads manifests and follows them to the bottom, each once. */
function createFollower(registry: Registry, cache: ManifestCache, options: ManifestReaderOptions) {
  const readConfig = createConfigReader(registry, cache, options);
  const underWay = new Map<Digest, Promise<unknown>>();
  const followed = new Set<Digest>();

  /** Asks whether a cached manifest is gone from the registry. Not for the manifest of a tag: the registry has just resolved the tag to it. */
  async function isLost(repository: RepositoryName, digest: Digest, { depth }: Place): Promise<boolean> {
    if (!options.isThorough || depth === 0) return false;
    return (await registry.resolve(repository, digest, undefined, options.signal)) === undefined;
  }

  /** Returns the manifest from the cache, or else from the registry. */
  async function fetch(repository: RepositoryName, digest: Digest, place: Place): Promise<StoredManifest | undefined> {
    const cached = (await cache.manifests([digest])).get(digest);
    if (cached !== undefined && (await isLost(repository, digest, place))) {
      await cache.forgetManifest(digest); // another repository may hold it: `resolveMissing` asks there
      return undefined;
    }
    if (cached !== undefined) return cached;
    const stored = await registry.manifest(repository, digest, options.signal);
    if (stored !== undefined) await cache.saveManifest(stored);
    return stored;
  }

  // Children one at a time: an index has few of them, and other tags keep the workers busy.
  async function follow(repository: RepositoryName, { digest, manifest }: StoredManifest, place: Place): Promise<void> {
    if (followed.has(digest)) return;
    followed.add(digest);
    await readConfig(repository, manifest);
    place.root.nodesCount += 1 + countBelow(manifest);
    for (const child of childManifests(manifest)) await read(repository, child, below(place)).catch(unlessUnavailable);
  }

  /** Returns whether there is such a manifest. Throws what the registry throws. */
  async function read(repository: RepositoryName, digest: Digest, place: Place): Promise<boolean> {
    await underWay.get(digest);
    if (followed.has(digest)) return true;
    if (!isWithinBounds(place)) return false;
    const fetching = fetch(repository, digest, place);
    underWay.set(
      digest,
      fetching.catch(() => undefined), // a caller that waits for a failed attempt tries again itself
    );
    const stored = await fetching.finally(() => underWay.delete(digest));
    if (stored !== undefined) await follow(repository, stored, place);
    return stored !== undefined;
  }

  return { read, follow };
}

function toRecord(name: TagName, digest: Digest | undefined): TagRecord | undefined {
  return digest && { name, digest };
}

/**
 * Reads the config of an image, once per digest. A config that cannot be read is no gap: the image has no creation time then, but its size is known.
 */
function createConfigReader(registry: Registry, cache: ManifestCache, options: ManifestReaderOptions) {
  const { signal, collectCreated } = options;
  const asked = new Set<Digest>();
  return async (repository: RepositoryName, manifest: Manifest): Promise<void> => {
    const digest = imageConfigOf(manifest);
    if (!collectCreated || digest === undefined || asked.has(digest)) return;
    asked.add(digest);
    if ((await cache.imageConfigs([digest])).has(digest)) return;
    const config = await registry.imageConfig(repository, digest, signal).catch(unlessUnavailable);
    if (config !== undefined) await cache.saveImageConfig(digest, config);
  };
}

/** Returns the digest of an image's config, which holds its creation time and platform; undefined if the manifest is not an image. */
export function imageConfigOf(manifest: Manifest): Digest | undefined {
  return manifest.kind === 'image' && isImageConfigType(manifest.config.mediaType) ? manifest.config.digest : undefined;
}

/** Counts the blobs that a manifest names, without its config. */
function countBelow(manifest: Manifest): number {
  return manifest.kind === 'index' ? manifest.manifests.length : manifest.layers.length;
}

/** Returns the digests of the manifests that an index lists; none for any other manifest. */
export function childManifests(manifest: Manifest): readonly Digest[] {
  return manifest.kind === 'index' ? manifestsIn(manifest.manifests) : [];
}

/** Returns the digests of those descriptors that can be read as manifests. */
export function manifestsIn(descriptors: readonly Descriptor[]): readonly Digest[] {
  return descriptors.filter((child) => isManifestChildType(child.mediaType)).map((child) => child.digest);
}
