import type { ImageConfig } from './domain/manifest/image-config.ts';
import type { Descriptor, Manifest } from './domain/manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from './domain/names.ts';
import type { CrawlResult } from './domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from './domain/snapshot/repository-record.ts';
import type { FailedRequest, Figures, Snapshot, TagTimes } from './domain/snapshot/snapshot.ts';
import type { NodeName } from './domain/snapshot/snapshot-nodes.ts';
import type { AssumedCollector } from './domain/usage/garbage-collector.ts';

/** Milliseconds since the epoch. */
export type Clock = () => number;

/** Milliseconds since an arbitrary moment. Nothing sets this clock, so it is the one for durations. */
export type SteadyClock = () => number;

/**
 * A container registry to read from. Every call may throw a `RegistryFailure`, or the signal's reason if it is aborted. Retries, tokens and
 * pacing happen behind this port.
 */
export interface Registry {
  /**
   * Lists every repository that the credentials may list, page by page. Starts a crawl: the registry client forgets what it learned about the
   * registry before.
   */
  repositories(signal: AbortSignal): AsyncIterable<RepositoryName | IllegalName | CutList>;
  /** Returns whether the configuration lets the service read that repository. */
  isWanted(repository: RepositoryName): boolean;
  /** Announces which repositories are read next, so that their requests can share tokens. */
  expect(repositories: readonly RepositoryName[], signal: AbortSignal): Promise<void>;
  /** Lists all tags of a repository, in any order. Returns none if the registry does not know the repository, unless the configuration names it. */
  tags(repository: RepositoryName, signal: AbortSignal): Promise<readonly (ListedTag | IllegalName | CutList)[]>;
  /**
   * Returns the digest of a manifest, or undefined if there is none. With the digest that it had `before`, a registry can answer without reading
   * the manifest, and does not count a pull.
   */
  resolve(
    repository: RepositoryName,
    reference: TagName | Digest,
    before: Digest | undefined,
    signal: AbortSignal,
  ): Promise<Digest | undefined>;
  /** Returns the manifest, or undefined if there is none. */
  manifest(
    repository: RepositoryName,
    reference: TagName | Digest,
    signal: AbortSignal,
  ): Promise<StoredManifest | undefined>;
  /**
   * Returns the stored size of a blob, or undefined if the repository does not hold it. An absent blob, or another size than `expectedBytes`, is
   * confirmed by a second request.
   */
  blobBytes(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
    expectedBytes?: number | undefined,
  ): Promise<number | undefined>;
  /** Returns what an image's config blob states, or undefined if the repository does not hold the blob. */
  imageConfig(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<ImageConfig | undefined>;
  /** Lists the manifests whose subject is that digest. Returns undefined if the registry does not support such lists. */
  referrers(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[] | undefined>;
  /**
   * Finds out which garbage collector the registry has, by what it answers.
   *
   * @param sample a repository with at least two tags; undefined if there is none
   */
  garbageCollector(sample: RepositoryName | undefined, signal: AbortSignal): Promise<AssumedCollector>;
  /**
   * Finds out whether the registry is a pull-through cache, by a question about that repository. Returns whether there was an answer; `pullThrough`
   * tells which.
   */
  probePullThrough(repository: RepositoryName, signal: AbortSignal): Promise<boolean>;
  /** Returns what the configuration says about the registry, or what its answers in the current or last crawl have shown. */
  pullThrough(): PullThrough;
}

/**
 * Whether a registry is a pull-through cache, which stores what it reads from another registry on demand:
 *
 * - yes: the configuration says so, or answers have shown it
 * - no: the configuration says so
 * - unseen: no answer has shown it, which proves nothing: a cache answers like any registry from what it has stored
 */
export type PullThrough = 'yes' | 'no' | 'unseen';

/** A name that the registry lists but the protocol does not allow, so that no request can contain it. */
export interface IllegalName {
  readonly illegal: string;
}

/** Stands in a list that may go on although the registry does not return more of it. */
export interface CutList {
  /** Why the rest cannot be read, for people. */
  readonly cut: string;
}

/** A tag in a listing. Some registries also list the digest that it points at, and the times of the tag. */
export interface ListedTag {
  readonly name: TagName;
  readonly digest?: Digest;
  readonly times?: TagTimes;
}

/** A manifest as the registry stores it. */
export interface StoredManifest {
  readonly digest: Digest;
  /** The length of the stored body. */
  readonly sizeBytes: number;
  readonly manifest: Manifest;
  /** The response that `manifest` was parsed from. It is kept unchanged, because a later version may read more from it. */
  readonly served: ServedManifest;
}

export interface ServedManifest {
  /** '' if the response had no Content-Type. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * Why a question to the registry failed:
 *
 * - forbidden: these credentials may not read this repository; others may be readable
 * - unreadable: the answer to this one question was wrong
 * - unsupported: the answer has a format that this service does not know
 * - unavailable: no answer from the registry or its token service; other questions would fail too
 */
export type RegistryFailureKind = 'forbidden' | 'unreadable' | 'unsupported' | 'unavailable';

/** The error that a `Registry` throws. Its message names what failed and where, and contains no secret. */
export interface RegistryFailure extends Error {
  readonly kind: RegistryFailureKind;
  /** What failed, without internal addresses: safe to show to API clients. */
  readonly reason: string;
  /** The URL of the failed request, without its query and user info; for the log. */
  readonly url: string;
  readonly request: FailedRequest;
}

/**
 * What the crawls have found out about repositories, and how far the current crawl has come. It survives a restart.
 *
 * Records that a crawl saves are pending until the crawl is finished, and are not shown before. Calls take effect in the order in which they are
 * made, and each of them completely or not at all. Once a call resolves, what was put into the `ManifestCache` before it is stored too. Every
 * call may throw a `StoreFailure`.
 */
export interface CrawlState {
  /** Returns the crawl that has begun and not finished, if there is one. */
  unfinished(): Promise<CrawlMark | undefined>;
  /** Begins a crawl, and deletes all pending records. */
  begin(mark: CrawlMark): Promise<void>;
  /** Returns when the last finished thorough crawl began. */
  lastThoroughAt(): Promise<number | undefined>;
  /** Finishes the crawl: its pending records replace the earlier ones, and every repository that is not named here is deleted. */
  finish(repositories: ReadonlySet<RepositoryName>, list: RepositoryList): Promise<void>;
  /** Ends the crawl without using what it read: deletes all pending records. */
  abandon(): Promise<void>;
  pending(name: RepositoryName): Promise<RepositoryRecord | undefined>;
  savePending(record: RepositoryRecord): Promise<void>;
  /** Returns the names that the last finished crawl was given for repositories and the protocol does not allow. */
  illegalNames(): Promise<ReadonlySet<string>>;
  /** Returns why the list of repositories of the last finished crawl may go on; undefined if it is whole. */
  cut(): Promise<string | undefined>;
  /** Yields every repository in the order of the names; with `withPending`, the pending record in place of the earlier one. */
  repositories(options?: { readonly withPending: boolean }): AsyncIterable<RepositoryRecord>;
  /** Returns the names of all repositories that are not only pending. */
  names(): Promise<readonly RepositoryName[]>;
  repository(name: RepositoryName): Promise<RepositoryRecord | undefined>;
  /** Saves a record that is valid at once, and deletes the pending one of that repository, which is older. */
  saveRepository(record: RepositoryRecord): Promise<void>;
  /** Saves when tags or digests were pulled. Of several times for the same reference, the latest is kept. */
  savePulls(pulls: readonly Pull[]): Promise<void>;
  /** Returns the last pulls from a repository by tag or digest, in milliseconds since the epoch. */
  pulls(repository: RepositoryName): Promise<ReadonlyMap<TagName | Digest, number>>;
}

/** What a crawl has found out about the list of repositories, apart from the repositories in it. */
export interface RepositoryList {
  /** The names that the protocol does not allow. */
  readonly illegal: ReadonlySet<string>;
  /** Why the list may go on; undefined if it is whole. */
  readonly cut?: string | undefined;
}

export interface CrawlMark {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Whether the crawl also checks that known manifests still exist. */
  readonly isThorough: boolean;
}

export interface Pull {
  readonly repository: RepositoryName;
  readonly reference: TagName | Digest;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * A cache of what digests name, which never changes: a crawl reads it once. Whether the registry stores it may change: see `BlobCheck`. It survives a
 * restart, but may lose what was saved last if the process is killed; the crawl then reads it again. Every call may throw a `StoreFailure`.
 */
export interface ManifestCache {
  /** Returns the cached manifests among these. A manifest whose bytes no longer match its digest counts as not cached. */
  manifests(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, StoredManifest>>;
  /** Returns which of these manifests are cached, without checking their bytes. */
  heldManifests(digests: readonly Digest[]): Promise<ReadonlySet<Digest>>;
  saveManifest(manifest: StoredManifest): Promise<void>;
  /** Deletes a manifest that the registry no longer has. */
  forgetManifest(digest: Digest): Promise<void>;
  imageConfigs(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, ImageConfig>>;
  saveImageConfig(digest: Digest, config: ImageConfig): Promise<void>;
  /** Returns the last checks of these blobs: of all that the registry was ever asked for. */
  blobChecks(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, BlobCheck>>;
  saveBlobCheck(digest: Digest, check: BlobCheck): Promise<void>;
  /** Returns the blobs that the registry did not store at their last check, or stored with another size than their manifests state. */
  faultyBlobs(): Promise<readonly Digest[]>;
}

/** What the registry answered when it was last asked whether it stores a blob. Unlike the content of a digest, this may change. */
export interface BlobCheck {
  /** When it was asked, in milliseconds since the epoch; 0 if that is not known. */
  readonly at: number;
  /** The stored size; `null` if the blob was not stored, undefined if no question was answered yet. */
  readonly bytes: number | null | undefined;
  /** Whether the manifests state another size than the stored one. */
  readonly isOtherSize: boolean;
}

/**
 * What led to a snapshot: a crawl of the whole registry, or notifications, after which a few repositories are read, as often as every few seconds.
 */
export type SnapshotOccasion = 'crawl' | 'notification';

/** Stores snapshots. Every call may throw a `StoreFailure`. */
export interface SnapshotStore {
  /** Returns the crawl result of the last saved snapshot; undefined if there is none, or another version of the service wrote it. */
  latest(): Promise<CrawlResult | undefined>;
  /** Returns the garbage collector that the last saved snapshot was computed for; undefined if none is known. */
  garbageCollector(): Promise<AssumedCollector | undefined>;
  /** Stores a snapshot's figures for as long as the retention allows, and its crawl result until the next snapshot is saved. */
  save(snapshot: Snapshot, crawlResult: CrawlResult, occasion: SnapshotOccasion): Promise<void>;
}

/** The snapshots that the retention has kept, and the figures of every node at each of them. Every call may throw a `StoreFailure`. */
export interface History {
  /** Returns the kept snapshots in the order in which they were saved. */
  snapshots(): Promise<readonly KeptSnapshot[]>;
  /** Returns the figures of a node at every kept snapshot, in the same order. */
  points(node: NodeName): Promise<readonly HistoryPoint[]>;
}

/** Times are milliseconds since the epoch. */
export interface KeptSnapshot {
  readonly id: string;
  readonly occasion: SnapshotOccasion;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly repositoriesCount: number;
  readonly tagsCount: number;
  readonly gapsCount: number;
  /** What the figures were computed for; null for a snapshot of a version that did not distinguish garbage collectors. */
  readonly garbageCollector: AssumedCollector | null;
}

export interface HistoryPoint {
  /** The id of the snapshot. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
  /** Undefined if the snapshot does not contain the node. */
  readonly figures: Figures | undefined;
}

/** The error that `CrawlState`, `ManifestCache`, `SnapshotStore` and `History` throw. Its message names what failed and where. */
export interface StoreFailure extends Error {
  readonly kind: 'store';
  /** What failed, without the path of the store: safe to show to API clients. */
  readonly reason: string;
}

/** A user who has signed in. */
export interface Principal {
  /** As the directory spells it. */
  readonly name: string;
  /** The groups of the user, as far as the directory gives them. */
  readonly groups: readonly string[];
}

/** Checks the passwords of users. */
export interface Directory {
  /**
   * Returns the user's principal; undefined if the password is wrong, or the user may not sign in. Throws if no answer is available: an error with
   * the kind `busy` if too many users are signing in.
   */
  authenticate(user: string, password: string): Promise<Principal | undefined>;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Signs users in. Wrong passwords make a client wait. */
export interface SignIn {
  /**
   * Throws as `Directory.authenticate` does.
   *
   * @param client whom failures are charged to: an address, or a network whose addresses belong to one customer
   */
  signIn(credentials: Credentials, client: string): Promise<SignInResult>;
}

export type SignInResult =
  | { readonly status: 'signed-in'; readonly principal: Principal }
  | { readonly status: 'refused' }
  /** Too many users are signing in; the directory was not asked. */
  | { readonly status: 'busy' }
  /** This client or user has failed too often; the directory was not asked. */
  | { readonly status: 'throttled'; readonly retryAfterMs: number };

/** The principal of a valid token. */
export interface VerifiedPrincipal {
  readonly name: string;
  /** The same for all spellings of the name: limits count by it. */
  readonly key: string;
  /** Names the part of the data that the principal may see. A cached response is sent only to principals with the same visibility. */
  readonly visibility: string;
}

/** Verifies the tokens that clients send. */
export interface TokenVerifier {
  /** Returns undefined for a token that the service has not issued, or that is not valid now. */
  verify(token: string): Promise<VerifiedPrincipal | undefined>;
  /** Returns the same without waiting, if the token was verified before; undefined for any other token. */
  recall(token: string): VerifiedPrincipal | undefined;
}

/** The tokens that users get when they sign in. */
export interface SessionTokens extends TokenVerifier {
  /** How long each token is valid. */
  readonly expiresInSeconds: number;
  issue(user: string): Promise<string>;
}

/** The log of the service. A message is a short constant phrase; the fields hold the facts. */
export interface Log {
  isLevelEnabled(level: 'debug' | 'info'): boolean;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Reads what a registry sends to `/events`. */
export interface NotificationReader {
  /** Returns what the notification tells; or, if the body is not a notification, what is wrong with it. */
  read(body: string): RegistryNews | { readonly wrong: string };
}

export interface RegistryNews {
  /** The repositories that may have changed. */
  readonly changed: ReadonlySet<RepositoryName>;
  readonly pulls: readonly Pull[];
}

/** The text format of Prometheus, or OpenMetrics 1.0.0. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/** The metrics of the service. */
export interface Metrics {
  /** Counts an answered request. */
  observe(request: ObservedRequest, outcome: { readonly status: number; readonly elapsedMs: number }): void;
  render(format: MetricsFormat): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface ObservedRequest {
  /** The path as it is routed, such as `/repositories/*`; undefined if there is no such route. */
  readonly route: string | undefined;
  readonly raw: { readonly method?: string | undefined };
}

/** Gives the latest snapshot; undefined before the first crawl has finished. */
export interface Snapshots {
  latest(): Snapshot | undefined;
}

/** How far a crawl has come. The counts grow while it runs. */
export interface CrawlProgress {
  repositoriesFound: number;
  repositoriesRead: number;
  /** How many of the found repositories the crawl had read before it was interrupted. */
  repositoriesKept: number;
  tagsFound: number;
  tagsRead: number;
}

/** A wait because servers answer that there are too many requests. Times are milliseconds since the epoch. */
export interface HeldUp {
  /** When the first of the waiting requests was refused. No request has succeeded since. */
  readonly since: number;
  /** When the last of them is sent again. */
  readonly until: number;
}

/** The current crawl, the outcome of the last one, and the time of the next one. Times are milliseconds since the epoch. */
export interface CrawlStatus {
  /** Undefined while no crawl is running. */
  readonly running:
    | {
        readonly startedAt: number;
        readonly requestsCount: number;
        readonly progress: Readonly<CrawlProgress>;
        /** Undefined while requests succeed. */
        readonly heldUp?: HeldUp | undefined;
      }
    | undefined;
  /** The failure of the last crawl; undefined if it succeeded. */
  readonly failure: CrawlFailure | undefined;
  /** When the last successful crawl finished; undefined if none has since the start of the service. */
  readonly lastFinishedAt: number | undefined;
  /** How many repositories are to be read again, or are being read again, because of notifications. */
  readonly recrawlQueueLength: number;
  /** Whether the registry is known to be a pull-through cache; absent is false. */
  readonly isPullThroughCache?: boolean;
  /** When the next crawl starts; undefined while one is running. */
  readonly nextAt: number | undefined;
}

/** A failed crawl. It contains no secret and no internal host name. */
export interface CrawlFailure {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly kind: CrawlFailureKind;
  /** For people. */
  readonly reason: string;
  /** The request that failed; absent if the failure is not the result of one request. */
  readonly request?: FailedRequest | undefined;
}

/** Why a crawl failed: because of the registry, because of the store, because it found too little to be true, or for an unforeseen reason. */
export type CrawlFailureKind = RegistryFailureKind | StoreFailure['kind'] | 'emptied' | 'unexpected';

/** Totals over all crawls since the start of the service. All but the last two fields only grow. */
export interface CrawlStats {
  /** Requests to the registry, to its token service and to GitLab, retries and recrawls included. */
  readonly requestsCount: number;
  readonly succeededCount: number;
  readonly failedCounts: Readonly<Record<CrawlFailureKind, number>>;
  /** Over all crawls, the running one and failed ones included. */
  readonly repositoriesRead: number;
  readonly tagsRead: number;
  /** When the last crawl started, in milliseconds since the epoch. Undefined before the first one. */
  readonly lastStartedAt: number | undefined;
  /** How long the last successful crawl took. Undefined before it. */
  readonly lastDurationMs: number | undefined;
}

/** Takes in what a registry reports between two crawls. The calls return at once and do not fail. */
export interface Notifications {
  /** These repositories may have changed: they are read again soon. */
  changed(repositories: readonly RepositoryName[]): void;
  pulled(pulls: readonly Pull[]): void;
}

/** Runs crawls at the configured interval. */
export interface CrawlScheduler {
  status(): CrawlStatus;
  stats(): CrawlStats;
  /** Starts a crawl now, unless one is running or the last one started too recently for the registry. */
  request(): 'started' | 'running' | { readonly retryAfterMs: number };
}
