import type { RepositoryRecord } from '../src/domain/catalogue.ts';
import type { Findings } from '../src/domain/findings.ts';
import type { ImageConfig } from '../src/domain/image-config.ts';
import { byName, type Digest, type RepositoryName, type TagName } from '../src/domain/names.ts';
import type { Snapshot } from '../src/domain/snapshot.ts';
import type { Catalogue, SnapshotStore, StoredManifest } from '../src/ports.ts';

/** The plain twin of the store: keeps everything as it came, for as long as it is there. */
export interface MemoryStore {
  readonly catalogue: Catalogue;
  readonly snapshots: SnapshotStore;
  /** Every snapshot that was saved, in that order. */
  readonly saved: readonly Snapshot[];
}

export function createMemoryStore(): MemoryStore {
  const saved: Snapshot[] = [];
  let latest: Findings | undefined;
  return {
    catalogue: createMemoryCatalogue(),
    snapshots: {
      latest: async () => latest,
      async save(snapshot, findings) {
        saved.push(snapshot);
        latest = findings;
      },
    },
    saved,
  };
}

function createMemoryCatalogue(): Catalogue {
  const records = new Map<RepositoryName, RepositoryRecord>();
  const manifests = new Map<Digest, StoredManifest>();
  const configs = new Map<Digest, ImageConfig>();
  const blobs = new Map<Digest, number | null>();
  const pulls = new Map<RepositoryName, Map<TagName | Digest, number>>();
  let illegalNames: ReadonlySet<string> = new Set();
  let unfinishedSince: number | undefined;
  return {
    unfinishedSince: async () => unfinishedSince,
    async begin(startedAt) {
      unfinishedSince = startedAt;
    },
    async finish(repositories, illegal) {
      for (const name of [...records.keys()]) if (!repositories.has(name)) records.delete(name);
      illegalNames = new Set(illegal);
      unfinishedSince = undefined;
    },
    async abandon() {
      unfinishedSince = undefined;
    },
    illegalNames: async () => illegalNames,
    async *repositories() {
      yield* [...records.values()].sort((a, b) => byName(a.name, b.name));
    },
    repository: async (name) => records.get(name),
    async saveRepository(record) {
      records.set(record.name, record);
    },
    manifests: async (digests) => pick(manifests, digests),
    async saveManifest(manifest) {
      manifests.set(manifest.digest, manifest);
    },
    imageConfigs: async (digests) => pick(configs, digests),
    async saveImageConfig(digest, config) {
      configs.set(digest, config);
    },
    blobBytes: async (digests) => pick(blobs, digests),
    async saveBlobBytes(digest, bytes) {
      blobs.set(digest, bytes);
    },
    async savePulls(some) {
      for (const { repository, reference, at } of some) {
        const known = pulls.get(repository) ?? new Map<TagName | Digest, number>();
        pulls.set(repository, known.set(reference, Math.max(at, known.get(reference) ?? at)));
      }
    },
    pulls: async (repository) => new Map(pulls.get(repository)),
  };
}

function pick<T>(known: ReadonlyMap<Digest, T>, digests: readonly Digest[]): ReadonlyMap<Digest, T> {
  return new Map([...known].filter(([digest]) => digests.includes(digest)));
}
