import type { ImageConfig } from '../../src/domain/manifest/image-config.ts';
import { byName, type Digest, type RepositoryName } from '../../src/domain/names.ts';
import type { CrawlResult } from '../../src/domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from '../../src/domain/snapshot/repository-record.ts';
import type { Figures, Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { compareNodes, nodesOf } from '../../src/domain/snapshot/snapshot-nodes.ts';
import type {
  BlobCheck,
  Clock,
  CrawlMark,
  CrawlState,
  History,
  KeptSnapshot,
  ManifestCache,
  SnapshotStore,
  StoredManifest,
} from '../../src/ports.ts';
import type { Retention, Store } from '../../src/store/store.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const RETENTION: Retention = { allMs: 7 * DAY_MS, dailyMs: 365 * DAY_MS };

interface MemoryStoreOptions {
  readonly clock?: Clock;
  readonly retention?: Retention;
}

/**
 * A store in plain Maps and arrays: for crawls in tests, and as the slow, obvious reference for the real engines. It keeps every snapshot in full, and
 * computes from all of them which ones the retention keeps. It never removes unused cache entries.
 */
export function createMemoryStore({ clock = () => 0, retention = RETENTION }: MemoryStoreOptions = {}): Store {
  const snapshots = createSnapshots(clock, retention);
  return {
    crawlState: createCrawlState(),
    manifestCache: createManifestCache(),
    snapshots,
    history: snapshots,
    check: async () => undefined,
    endCheck: () => undefined,
    close: () => undefined,
  };
}

function createCrawlState(): CrawlState {
  const records = new Map<RepositoryName, RepositoryRecord>();
  const pending = new Map<RepositoryName, RepositoryRecord>();
  const pulls = new Map<RepositoryName, Map<string, number>>();
  let unfinished: CrawlMark | undefined;
  let lastThoroughAt: number | undefined;
  let illegal: ReadonlySet<string> = new Set();
  let cut: string | undefined;
  return {
    unfinished: async () => unfinished,
    lastThoroughAt: async () => lastThoroughAt,
    async begin(mark) {
      pending.clear();
      unfinished = mark;
    },
    async finish(names, list) {
      for (const record of pending.values()) records.set(record.name, record);
      pending.clear();
      for (const name of records.keys()) if (!names.has(name)) records.delete(name);
      illegal = new Set(list.illegal);
      cut = list.cut;
      if (unfinished?.isThorough) lastThoroughAt = unfinished.startedAt;
      unfinished = undefined;
    },
    async abandon() {
      pending.clear();
      unfinished = undefined;
    },
    illegalNames: async () => illegal,
    cut: async () => cut,
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
    async savePulls(pulled) {
      for (const { repository, reference, at } of pulled) {
        const times = pulls.get(repository) ?? new Map<string, number>();
        pulls.set(repository, times.set(reference, Math.max(at, times.get(reference) ?? 0)));
      }
    },
    pulls: async (repository) => (pulls.get(repository) ?? new Map()) as Awaited<ReturnType<CrawlState['pulls']>>,
  };
}

function createManifestCache(): ManifestCache {
  const manifests = new Map<Digest, StoredManifest>();
  const configs = new Map<Digest, ImageConfig>();
  const checks = new Map<Digest, BlobCheck>();
  return {
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
    blobChecks: async (digests) => known(checks, digests),
    async saveBlobCheck(digest, check) {
      checks.set(digest, check);
    },
    faultyBlobs: async () =>
      [...checks].filter(([, { bytes, isOtherSize }]) => bytes === null || isOtherSize).map(([digest]) => digest),
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

interface SavedSnapshot extends KeptSnapshot {
  readonly contents: Snapshot;
}

function createSnapshots(clock: Clock, retention: Retention): SnapshotStore & History {
  let latest: CrawlResult | undefined;
  let all: readonly SavedSnapshot[] = [];
  let removed: ReadonlySet<SavedSnapshot> = new Set();
  const remove = (isRemoved: (one: SavedSnapshot) => boolean): void => {
    removed = new Set(all.filter((one) => removed.has(one) || isRemoved(one)));
  };
  const kept = (): readonly SavedSnapshot[] => all.filter((one) => !removed.has(one));
  return {
    latest: async () => latest,
    garbageCollector: async () => all.at(-1)?.garbageCollector ?? undefined,
    async save(contents, crawlResult, occasion) {
      latest = crawlResult;
      remove((one) => isOutlived(one, all, clock(), retention));
      const { id, startedAt, finishedAt, repositories, figures, gaps, garbageCollector } = contents;
      const counts = {
        repositoriesCount: repositories.length,
        tagsCount: figures.tagsCount,
        gapsCount: gaps.length,
        garbageCollector,
      };
      all = [...all, { id, startedAt, finishedAt, occasion, ...counts, contents }];
      remove((one) => isThinned(one, all));
    },
    snapshots: async () => kept().map(({ contents: _, ...one }) => one),
    points: async (node) =>
      kept().map(({ id, finishedAt, contents }) => {
        const found = [...nodesOf(contents)].find(({ name }) => compareNodes(name, node) === 0);
        return { id, finishedAt, figures: found && figuresOf(found.figures) };
      }),
  };
}

const dayOf = (at: number): number => Math.floor(at / DAY_MS);
const hourOf = (at: number): number => Math.floor(at / HOUR_MS);

/** Adds up the time between all snapshots since. Each step counts as 0 to 24 hours. */
function isOutlived(one: SavedSnapshot, all: readonly SavedSnapshot[], now: number, retention: Retention): boolean {
  const later = all.slice(all.indexOf(one) + 1);
  if (later.length === 0) return false;
  let [age, before] = [0, one.finishedAt];
  for (const at of [...later.map(({ finishedAt }) => finishedAt), now]) {
    age += Math.min(Math.max(at - before, 0), DAY_MS);
    before = at;
  }
  const isLastOfDay = !later.some(({ finishedAt }) => dayOf(finishedAt) === dayOf(one.finishedAt));
  return age > (isLastOfDay ? Math.max(retention.allMs, retention.dailyMs) : retention.allMs);
}

/** Whether a later notification in the same hour replaces the snapshot of this one. */
function isThinned(one: SavedSnapshot, all: readonly SavedSnapshot[]): boolean {
  const isSameHour = ({ finishedAt, occasion }: SavedSnapshot): boolean =>
    occasion === 'notification' && hourOf(finishedAt) === hourOf(one.finishedAt);
  return isSameHour(one) && all.slice(all.indexOf(one) + 1).some(isSameHour);
}

/** Returns the figures of a node without its name. */
export function figuresOf({
  sizeBytes,
  diskSizeBytes,
  deduplicatedBytes,
  reclaimableBytes,
  metadataBytes,
  databaseBytes,
  tagsCount,
  isComplete,
}: Figures): Figures {
  const bytes = { sizeBytes, diskSizeBytes, deduplicatedBytes, reclaimableBytes, metadataBytes, databaseBytes };
  return { ...bytes, tagsCount, isComplete };
}
