import type { ImageConfig } from './domain/image-config.ts';
import type { Descriptor, Manifest } from './domain/manifest.ts';
import type { Digest, RepositoryName, TagName } from './domain/names.ts';
import type { Snapshot } from './domain/snapshot.ts';

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
  /** All tags of a repository, in any order; none where the registry does not know the repository (any more). */
  tags(repository: RepositoryName, signal: AbortSignal): Promise<readonly (TagName | IllegalName)[]>;
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

/** A manifest as the registry keeps it. `sizeBytes` is the length of what is stored. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly manifest: Manifest;
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

/** Who may sign in. Throws a `DirectoryError` where the directory cannot be asked. */
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
  tagsFound: number;
  tagsRead: number;
}

/** The collections: what goes on, how it went last, and when the next one is. Times are milliseconds since the epoch. */
export interface CollectionState {
  /** Undefined while none is under way. */
  readonly running:
    | { readonly startedAt: number; readonly requestsCount: number; readonly progress: Readonly<CrawlProgress> }
    | undefined;
  /** The failure of the last collection; undefined if it succeeded. Its reason is for people and holds no secret. */
  readonly failure: { readonly at: number; readonly reason: string } | undefined;
  /** Undefined while one is under way. */
  readonly nextAt: number | undefined;
}

/** Who collects. */
export interface Collections {
  state(): CollectionState;
  /** Starts a collection now, or says why not: one is under way, or the last one began so little ago that the registry needs a rest. */
  request(): 'started' | 'running' | { readonly retryAfterMs: number };
}
