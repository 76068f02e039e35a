import type { ImageConfig } from './domain/manifest/image-config.ts';
import type { Descriptor, Manifest } from './domain/manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from './domain/names.ts';
import type { CrawlResult } from './domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from './domain/snapshot/repository-record.ts';
import type { Snapshot } from './domain/snapshot/snapshot.ts';

/** Milliseconds since the epoch. */
export type Clock = () => number;

/** Milliseconds since some moment or other: for durations, since nobody can set it. */
export type SteadyClock = () => number;

/**
 * A registry to read from. Every call may throw a `RegistryFailure`, and an `AbortError` when its signal says so.
 * Retries, tokens and pacing are behind this port.
 */
export interface Registry {
  /** Every repository that the credentials may list, page by page. Begins a crawl: what earlier ones learnt of the registry's ways is forgotten. */
  repositories(signal: AbortSignal): AsyncIterable<RepositoryName | IllegalName>;
  /** Whether a repository that somebody else names may be one of those. */
  isWanted(repository: RepositoryName): boolean;
  /** Says which repositories will be asked for soon, so that they share what it takes to ask. */
  expect(repositories: readonly RepositoryName[], signal: AbortSignal): Promise<void>;
  /** All tags of a repository, in any order; none where the registry does not know the repository (any more), unless the configuration names it. */
  tags(repository: RepositoryName, signal: AbortSignal): Promise<readonly (ListedTag | IllegalName)[]>;
  /**
   * The digest of a manifest, or undefined where there is none of that name. With what it was before a registry need not even look at the
   * manifest, and does not count a pull.
   */
  resolve(
    repository: RepositoryName,
    reference: TagName | Digest,
    before: Digest | undefined,
    signal: AbortSignal,
  ): Promise<Digest | undefined>;
  /** The manifest, or undefined where there is none of that name. */
  manifest(
    repository: RepositoryName,
    reference: TagName | Digest,
    signal: AbortSignal,
  ): Promise<StoredManifest | undefined>;
  /** The stored bytes of a blob, or undefined where the repository does not hold it. */
  blobBytes(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<number | undefined>;
  /** What an image's config says of it, or undefined where the repository does not hold that blob. */
  imageConfig(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<ImageConfig | undefined>;
  /** The manifests whose subject is that one, or undefined where the registry does not keep such a list. */
  referrers(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[] | undefined>;
}

/** A name that the registry lists and the protocol does not allow: nobody can ask for it. */
export interface IllegalName {
  readonly illegal: string;
}

/** A tag as a listing has it. Some registries say what it points at, too. */
export interface ListedTag {
  readonly name: TagName;
  readonly digest?: Digest;
}

/** A manifest as the registry keeps it. */
export interface StoredManifest {
  readonly digest: Digest;
  /** The length of what is stored. */
  readonly sizeBytes: number;
  readonly manifest: Manifest;
  /** What `manifest` was read from: kept as it came, since a later version may read more in it. */
  readonly served: ServedManifest;
}

export interface ServedManifest {
  /** '' where none was said. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * Why a registry did not answer: forbidden (these credentials may not read that; others may be readable),
 * unreadable (a wrong answer to this one question), unsupported (a format that is not understood), unavailable (no answer at all, or from the token service none: nothing else will work either).
 */
export type RegistryFailureKind = 'forbidden' | 'unreadable' | 'unsupported' | 'unavailable';

/** The shape of what a `Registry` throws. Its message says what and where, and holds no secret. */
export interface RegistryFailure extends Error {
  readonly kind: RegistryFailureKind;
  /** What went wrong, and not where: for those who should not see the addresses inside. */
  readonly reason: string;
}

/**
 * What was read of the registry, kept from crawl to crawl and from start to start. What a digest names never changes, so that it is read once.
 * Every call may throw a `StoreFailure`. What one call saves is kept whole or not at all, and in the order of the calls.
 */
export interface Catalogue {
  /** The crawl that is not finished. What it has read is pending: kept, and not to be shown until it is finished. */
  unfinished(): Promise<CrawlMark | undefined>;
  /** Whatever was pending is gone. */
  begin(mark: CrawlMark): Promise<void>;
  /** When the last thorough crawl that was finished began. */
  lastThoroughAt(): Promise<number | undefined>;
  /** The crawl has ended, and what was pending counts. It has seen all there is: repositories that it does not name are gone. */
  finish(repositories: ReadonlySet<RepositoryName>, illegal: ReadonlySet<string>): Promise<void>;
  /** The crawl has ended, and is not to be believed: whatever was pending is gone. */
  abandon(): Promise<void>;
  pending(name: RepositoryName): Promise<RepositoryRecord | undefined>;
  savePending(record: RepositoryRecord): Promise<void>;
  /** What the last finished crawl met as names of repositories that the protocol does not allow. */
  illegalNames(): Promise<ReadonlySet<string>>;
  /** Every repository, in the order of their names; as it is pending, where that is asked for and it is. */
  repositories(options?: { readonly withPending: boolean }): AsyncIterable<RepositoryRecord>;
  names(): Promise<readonly RepositoryName[]>;
  repository(name: RepositoryName): Promise<RepositoryRecord | undefined>;
  /** Counts at once; what was pending of that repository is older, and gone. */
  saveRepository(record: RepositoryRecord): Promise<void>;
  /** Those of the manifests that were read before. One whose bytes do not match its digest any more was not. */
  manifests(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, StoredManifest>>;
  /** Those of which a manifest was saved; whether it is whole shows when it is read. */
  heldManifests(digests: readonly Digest[]): Promise<ReadonlySet<Digest>>;
  saveManifest(manifest: StoredManifest): Promise<void>;
  /** Of a manifest that the registry does not have any more. */
  forgetManifest(digest: Digest): Promise<void>;
  imageConfigs(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, ImageConfig>>;
  saveImageConfig(digest: Digest, config: ImageConfig): Promise<void>;
  /** The bytes of blobs that no descriptor settles, as the registry said: `null` where it did not store the blob. */
  blobBytes(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number | null>>;
  saveBlobBytes(digest: Digest, bytes: number | null): Promise<void>;
  /** When a tag or digest was pulled last. Earlier times than those known change nothing. */
  savePulls(pulls: readonly Pull[]): Promise<void>;
  /** The last pulls from a repository, by tag or digest. Milliseconds since the epoch. */
  pulls(repository: RepositoryName): Promise<ReadonlyMap<TagName | Digest, number>>;
}

export interface CrawlMark {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Whether it asks for what is known, too: whether it is still there. */
  readonly isThorough: boolean;
}

export interface Pull {
  readonly repository: RepositoryName;
  readonly reference: TagName | Digest;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What a snapshot was taken for: a collection reads everything, and a notification a few repositories, as often as every few seconds. */
export type SnapshotOccasion = 'collection' | 'notification';

/** The snapshots that are kept. Every call may throw a `StoreFailure`. */
export interface SnapshotStore {
  /** What the last saved snapshot was counted from. */
  latest(): Promise<CrawlResult | undefined>;
  /** Keeps the figures of a snapshot for as long as they are worth it, and what it was counted from until the next is saved. */
  save(snapshot: Snapshot, findings: CrawlResult, occasion: SnapshotOccasion): Promise<void>;
}

/** The shape of what a `Catalogue` or a `SnapshotStore` throws. Its message says what and where. */
export interface StoreFailure extends Error {
  readonly kind: 'store';
  /** What went wrong, and not where: for those who should not see the paths inside. */
  readonly reason: string;
}

/** Who may sign in. Throws where nobody can tell: an error of the kind `busy` where that is for want of time. */
export interface Directory {
  /** Whether the password is that user's, and the user one of those let in. */
  authenticate(user: string, password: string): Promise<boolean>;
}

/** Where the latest snapshot is read from: undefined before the first collection has finished. */
export interface Snapshots {
  latest(): Snapshot | undefined;
}

/** How far a crawl has come. What is found grows while it goes on. */
export interface CrawlProgress {
  repositoriesFound: number;
  repositoriesRead: number;
  /** Of the found ones, those that the crawl had read before it was interrupted. */
  repositoriesKept: number;
  tagsFound: number;
  tagsRead: number;
}

/** The collections: what goes on, how it went last, and when the next one is. Times are milliseconds since the epoch. */
export interface CrawlStatus {
  /** Undefined while none is under way. */
  readonly running:
    | { readonly startedAt: number; readonly requestsCount: number; readonly progress: Readonly<CrawlProgress> }
    | undefined;
  /** The failure of the last collection; undefined if it succeeded. Its reason is for people and holds no secret. */
  readonly failure: { readonly at: number; readonly kind: CrawlFailureKind; readonly reason: string } | undefined;
  /** When the last collection of everything succeeded; undefined where none has since the start. */
  readonly lastFinishedAt: number | undefined;
  /** How many repositories are to be read again, or are being read again, because of notifications. */
  readonly recrawlQueueLength: number;
  /** Undefined while one is under way. */
  readonly nextAt: number | undefined;
}

/** Why a collection failed: by the registry's doing, the store's, since it found too little to be believed, or for a reason that nobody thought of. */
export type CrawlFailureKind = RegistryFailureKind | StoreFailure['kind'] | 'emptied' | 'unexpected';

/** What all collections since the start have come to. But for those of the last one, these numbers only grow. */
export interface CrawlStats {
  /** Requests that went to the registry and whoever gives out names and tokens for it, tries included, by notifications too. */
  readonly requestsCount: number;
  readonly succeededCount: number;
  readonly failedCounts: Readonly<Record<CrawlFailureKind, number>>;
  /** How far they came, the one under way and those that failed included. */
  readonly repositoriesRead: number;
  readonly tagsRead: number;
  /** When the last one started: milliseconds since the epoch. Undefined before the first. */
  readonly lastStartedAt: number | undefined;
  /** How long the last one took that succeeded. Undefined where none has. */
  readonly lastDurationMs: number | undefined;
}

/** Who wants to hear what a registry tells of itself between two crawls. Neither call waits for anything, or fails. */
export interface Notifications {
  /** These may have changed: they are read again soon, and the others are not. */
  changed(repositories: readonly RepositoryName[]): void;
  pulled(pulls: readonly Pull[]): void;
}

/** Who collects. */
export interface CrawlScheduler {
  status(): CrawlStatus;
  stats(): CrawlStats;
  /** Starts a collection now, or says why not: one is under way, or the last one began so little ago that the registry needs a rest. */
  request(): 'started' | 'running' | { readonly retryAfterMs: number };
}
