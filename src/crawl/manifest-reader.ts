import type { Descriptor, Manifest } from '../domain/manifest/manifest.ts';
import { isImageConfigType, isManifestChildType } from '../domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../domain/names.ts';
import type { TagReading } from '../domain/snapshot/repository-record.ts';
import type { Catalogue, ListedTag, Registry, StoredManifest } from '../ports.ts';
import { atRoot, below, isWithinBounds, type Place } from './bounds.ts';
import { gapFrom, unlessUnavailable } from './gap-from-error.ts';

export interface ReaderOptions {
  readonly signal: AbortSignal;
  /** Whether to read the configs of images, for their platforms and times of creation. */
  readonly collectCreated: boolean;
  /** Whether to ask for known manifests, too: a registry says that a tag is as it was without looking whether its manifest is there. */
  readonly isThorough: boolean;
}

/** What is known of the tags of a repository that was read before. */
export interface KnownTags {
  /** What they pointed at. */
  readonly digests: ReadonlyMap<TagName, Digest>;
  /** Which of those are in the catalogue. */
  readonly held: ReadonlySet<Digest>;
}

/** Reads what is new into the catalogue: each manifest once, however many tags and indexes name it, and however often they are asked for. */
export interface Reader {
  /**
   * What the tag points at, or the gap in its place; undefined where the registry has no such tag.
   *
   * @param known undefined where the repository was never read
   */
  readTag(repository: RepositoryName, tag: ListedTag, known: KnownTags | undefined): Promise<TagReading | undefined>;
  /** Reads a manifest and all below it. Whether it could be read. */
  readBelow(repository: RepositoryName, digest: Digest, place: Place): Promise<boolean>;
}

export function createReader(registry: Registry, catalogue: Catalogue, options: ReaderOptions): Reader {
  const { signal } = options;
  const { read, follow } = createFollower(registry, catalogue, options);

  async function readByName(repository: RepositoryName, name: TagName): Promise<Digest | undefined> {
    const stored = await registry.manifest(repository, name, signal);
    if (stored === undefined) return undefined;
    await catalogue.saveManifest(stored);
    await follow(repository, stored, atRoot());
    return stored.digest;
  }

  return {
    async readTag(repository, { name, digest: listed }, known) {
      try {
        // Of a repository that was never read hardly a manifest is known: one request for each tag then, and not two.
        if (listed === undefined && known === undefined) return toReading(name, await readByName(repository, name));
        const before = options.isThorough ? undefined : known?.digests.get(name);
        const digest = listed ?? (await registry.resolve(repository, name, before, signal));
        // What hangs below it was followed when it was read; what was missing there is asked for in the end.
        if (digest !== undefined && digest === before && known?.held.has(digest)) return { name, digest };
        const isThere = digest !== undefined && (await read(repository, digest, atRoot()));
        return toReading(name, isThere ? digest : undefined);
      } catch (error) {
        return { name, digest: undefined, gap: gapFrom(error, repository, name) };
      }
    },
    readBelow: async (repository, digest, place) =>
      (await read(repository, digest, place).catch(unlessUnavailable)) ?? false,
  };
}

/** Follows manifests all the way down, each once. */
function createFollower(registry: Registry, catalogue: Catalogue, options: ReaderOptions) {
  const readConfig = createConfigReader(registry, catalogue, options);
  const underWay = new Map<Digest, Promise<unknown>>();
  const followed = new Set<Digest>();

  /** Whether a manifest that is known is there: that of a tag is, or the tag would not be. */
  async function isLost(repository: RepositoryName, digest: Digest, { depth }: Place): Promise<boolean> {
    if (!options.isThorough || depth === 0) return false;
    return (await registry.resolve(repository, digest, undefined, options.signal)) === undefined;
  }

  /** From the catalogue, or else from the registry. */
  async function hold(repository: RepositoryName, digest: Digest, place: Place): Promise<StoredManifest | undefined> {
    const known = (await catalogue.manifests([digest])).get(digest);
    if (known !== undefined && (await isLost(repository, digest, place))) {
      await catalogue.forgetManifest(digest); // another repository may have it, and is asked in the end
      return undefined;
    }
    if (known !== undefined) return known;
    const stored = await registry.manifest(repository, digest, options.signal);
    if (stored !== undefined) await catalogue.saveManifest(stored);
    return stored;
  }

  // One after the other: an index has few children, and the tags beside it fill the time.
  async function follow(repository: RepositoryName, { digest, manifest }: StoredManifest, place: Place): Promise<void> {
    if (followed.has(digest)) return;
    followed.add(digest);
    await readConfig(repository, manifest);
    place.root.nodesCount += 1 + countOf(manifest);
    for (const child of childManifests(manifest)) await read(repository, child, below(place)).catch(unlessUnavailable);
  }

  /** Whether there is such a manifest. Throws what the registry throws. */
  async function read(repository: RepositoryName, digest: Digest, place: Place): Promise<boolean> {
    await underWay.get(digest);
    if (followed.has(digest)) return true;
    if (!isWithinBounds(place)) return false;
    const reading = hold(repository, digest, place);
    const heard = reading.catch(() => undefined); // those who wait for it look for themselves
    underWay.set(digest, heard);
    const stored = await reading.finally(() => underWay.delete(digest));
    if (stored !== undefined) await follow(repository, stored, place);
    return stored !== undefined;
  }

  return { read, follow };
}

function toReading(name: TagName, digest: Digest | undefined): TagReading | undefined {
  return digest && { name, digest };
}

/** Reads the config of an image, once per digest. One that cannot be read leaves its image without a time, and is no gap: its bytes are known. */
function createConfigReader(registry: Registry, catalogue: Catalogue, { signal, collectCreated }: ReaderOptions) {
  const asked = new Set<Digest>();
  return async (repository: RepositoryName, manifest: Manifest): Promise<void> => {
    const digest = imageConfigOf(manifest);
    if (!collectCreated || digest === undefined || asked.has(digest)) return;
    asked.add(digest);
    if ((await catalogue.imageConfigs([digest])).has(digest)) return;
    const config = await registry.imageConfig(repository, digest, signal).catch(unlessUnavailable);
    if (config !== undefined) await catalogue.saveImageConfig(digest, config);
  };
}

/** The config that tells when an image was made and for what; undefined for what is no image. */
export function imageConfigOf(manifest: Manifest): Digest | undefined {
  return manifest.kind === 'image' && isImageConfigType(manifest.config.mediaType) ? manifest.config.digest : undefined;
}

/** What a manifest names, its config aside. */
function countOf(manifest: Manifest): number {
  return manifest.kind === 'index' ? manifest.manifests.length : manifest.layers.length;
}

export function childManifests(manifest: Manifest): readonly Digest[] {
  return manifest.kind === 'index' ? manifestsIn(manifest.manifests) : [];
}

export function manifestsIn(descriptors: readonly Descriptor[]): readonly Digest[] {
  return descriptors.filter((child) => isManifestChildType(child.mediaType)).map((child) => child.digest);
}
