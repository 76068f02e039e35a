import type { ImageConfig } from '../../src/domain/manifest/image-config.ts';
import { byName, type Digest, type RepositoryName } from '../../src/domain/names.ts';
import type { CrawlResult } from '../../src/domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from '../../src/domain/snapshot/repository-record.ts';
import type { Catalogue, CrawlMark, SnapshotStore, StoredManifest } from '../../src/ports.ts';

/** What a store has to do, in Maps: for crawls that need none, and to hold a real one against. */
export interface MemoryStore {
  readonly catalogue: Catalogue;
  readonly snapshots: SnapshotStore;
}

export function createMemoryStore(): MemoryStore {
  const records = new Map<RepositoryName, RepositoryRecord>();
  const pending = new Map<RepositoryName, RepositoryRecord>();
  const manifests = new Map<Digest, StoredManifest>();
  const configs = new Map<Digest, ImageConfig>();
  const blobs = new Map<Digest, number | null>();
  const pulls = new Map<RepositoryName, Map<string, number>>();
  let unfinished: CrawlMark | undefined;
  let lastThoroughAt: number | undefined;
  let illegal: ReadonlySet<string> = new Set();
  let latest: CrawlResult | undefined;

  const catalogue: Catalogue = {
    unfinished: async () => unfinished,
    lastThoroughAt: async () => lastThoroughAt,
    async begin(mark) {
      pending.clear();
      unfinished = mark;
    },
    async finish(names, illegalNames) {
      for (const record of pending.values()) records.set(record.name, record);
      pending.clear();
      for (const name of records.keys()) if (!names.has(name)) records.delete(name);
      illegal = new Set(illegalNames);
      if (unfinished?.isThorough) lastThoroughAt = unfinished.startedAt;
      unfinished = undefined;
    },
    async abandon() {
      pending.clear();
      unfinished = undefined;
    },
    illegalNames: async () => illegal,
    async *repositories({ withPending } = { withPending: false }) {
      const all = new Map([...records, ...(withPending ? pending : [])]);
      yield* [...all.values()].sort((a, b) => byName(a.name, b.name));
    },
    names: async () => [...records.keys()].sort(byName),
    repository: async (name) => records.get(name),
    pending: async (name) => pending.get(name),
    async saveRepository(record) {
      records.set(record.name, record);
      pending.delete(record.name);
    },
    async savePending(record) {
      pending.set(record.name, record);
    },
    manifests: async (digests) => known(manifests, digests),
    heldManifests: async (digests) => new Set(digests.filter((digest) => manifests.has(digest))),
    async saveManifest(manifest) {
      manifests.set(manifest.digest, manifest);
    },
    async forgetManifest(digest) {
      manifests.delete(digest);
    },
    imageConfigs: async (digests) => known(configs, digests),
    async saveImageConfig(digest, config) {
      configs.set(digest, config);
    },
    blobBytes: async (digests) => known(blobs, digests),
    async saveBlobBytes(digest, bytes) {
      blobs.set(digest, bytes);
    },
    async savePulls(pulled) {
      for (const { repository, reference, at } of pulled) {
        const times = pulls.get(repository) ?? new Map<string, number>();
        pulls.set(repository, times.set(reference, Math.max(at, times.get(reference) ?? 0)));
      }
    },
    pulls: async (repository) => (pulls.get(repository) ?? new Map()) as Awaited<ReturnType<Catalogue['pulls']>>,
  };
  return {
    catalogue,
    snapshots: {
      latest: async () => latest,
      async save(_, findings) {
        latest = findings;
      },
    },
  };
}

function known<T>(values: ReadonlyMap<Digest, T>, digests: readonly Digest[]): ReadonlyMap<Digest, T> {
  return new Map(
    digests.flatMap((digest): [Digest, T][] => {
      const value = values.get(digest);
      return value === undefined ? [] : [[digest, value]];
    }),
  );
}
