import type { Engine } from '../../src/domain/usage/garbage-collector.ts';

/* Runs each garbage collector on a model of a registry, step by step and without shared code: delete something, collect, and add up what remains. */

export interface NaiveManifest {
  readonly bytes: number;
  /** The manifests that it contains. */
  readonly manifests: readonly string[];
  /** The layers and the config that it names. */
  readonly blobs: readonly string[];
  readonly subject?: string | undefined;
}

export interface NaiveStorage {
  readonly manifests: ReadonlyMap<string, NaiveManifest>;
  readonly blobBytes: ReadonlyMap<string, number>;
}

export interface NaiveRepository {
  readonly name: string;
  /** The digest of each tag. */
  readonly tags: ReadonlyMap<string, string>;
  /** The manifests with a subject. */
  readonly referrers: ReadonlySet<string>;
}

export type IsDeleted = (repository: string, tag: string) => boolean;

/** Returns the repositories after a garbage collection that follows the deletion of these tags. */
export function afterDeletingTags(
  storage: NaiveStorage,
  registry: readonly NaiveRepository[],
  engine: Engine,
  isDeleted: IsDeleted,
): readonly NaiveRepository[] {
  return registry.map((repository) => {
    const { name } = repository;
    const before = liveIn(storage, repository, engine);
    let tags = new Map([...repository.tags].filter(([tag]) => !isDeleted(name, tag)));
    // zot drops a manifest together with its last tag. Elsewhere, a referrer without a tag is still a referrer.
    const wasTagged = new Set(repository.tags.values());
    const referrers = (): ReadonlySet<string> =>
      new Set(
        [...repository.referrers].filter(
          (digest) => !engine.startsWith('zot') || !wasTagged.has(digest) || [...tags.values()].includes(digest),
        ),
      );
    for (;;) {
      const live = liveIn(storage, { name, tags, referrers: referrers() }, engine);
      const left = new Map(
        [...tags].filter(([, digest]) => {
          const { subject } = storage.manifests.get(digest) ?? {};
          const isOrphaned = subject !== undefined && before.has(subject) && !live.has(subject);
          return engine !== 'zot-delete-referrers' || !isOrphaned;
        }),
      );
      if (left.size === tags.size) return { name, tags, referrers: referrers() };
      tags = left;
    }
  });
}

/** Returns the live manifests and blobs of these repositories, each with its bytes. */
export function liveBytes(
  storage: NaiveStorage,
  registry: readonly NaiveRepository[],
  engine: Engine,
): ReadonlyMap<string, number> {
  return bytesOf(storage, new Set(registry.flatMap((repository) => [...liveIn(storage, repository, engine)])));
}

/** Returns what these tags of a repository keep, each blob with its bytes. */
export function keptBytes(
  storage: NaiveStorage,
  { tags, referrers }: NaiveRepository,
  engine: Engine,
  isChosen: (tag: string) => boolean,
): ReadonlyMap<string, number> {
  const chosen = [...tags].filter(([tag]) => isChosen(tag)).map(([, digest]) => digest);
  // In zot, the repository keeps the other referrers, not a tag.
  const considered = engine === 'zot' ? new Set<string>() : referrers;
  return bytesOf(storage, live(storage, chosen, considered, new Set(tags.values()), engine));
}

function bytesOf({ manifests, blobBytes }: NaiveStorage, digests: ReadonlySet<string>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const digest of digests) {
    const manifest = manifests.get(digest);
    found.set(digest, manifest?.bytes ?? 0);
    for (const blob of manifest?.blobs ?? []) found.set(blob, blobBytes.get(blob) ?? 0);
  }
  return found;
}

function liveIn(storage: NaiveStorage, { tags, referrers }: NaiveRepository, engine: Engine): ReadonlySet<string> {
  return live(storage, tags.values(), referrers, new Set(tags.values()), engine);
}

function live(
  { manifests }: NaiveStorage,
  roots: Iterable<string>,
  referrers: ReadonlySet<string>,
  tagged: ReadonlySet<string>,
  engine: Engine,
): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (digest: string): void => {
    const manifest = manifests.get(digest);
    if (manifest === undefined || found.has(digest)) return;
    found.add(digest);
    for (const child of manifest.manifests) add(child);
  };
  for (const digest of roots) add(digest);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const digest of [...found]) {
      const { subject } = manifests.get(digest) ?? {};
      if (engine === 'gitlab-database' && subject !== undefined) add(subject);
    }
    for (const digest of referrers) {
      const { subject = '' } = manifests.get(digest) ?? {};
      if (engine === 'zot' && !tagged.has(digest)) add(digest);
      if (engine === 'harbor' && found.has(subject)) add(digest);
      if (engine === 'zot-delete-referrers' && !tagged.has(digest) && found.has(subject)) add(digest);
    }
  }
  return found;
}
