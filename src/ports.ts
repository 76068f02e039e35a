import type { Manifest } from './domain/manifest.ts';
import type { Digest, RepositoryName, TagName } from './domain/names.ts';
import type { Snapshot } from './domain/snapshot.ts';

/** Milliseconds since the epoch. */
export type Clock = () => number;

/**
 * A registry to read from. Every call may throw a `RegistryFailure`, and an `AbortError` when its signal says so.
 * Retries, tokens and pacing are behind this port.
 */
export interface Registry {
  /** Every repository that the credentials may list, page by page. */
  repositories(signal: AbortSignal): AsyncIterable<RepositoryName>;
  /** All tags of a repository, in any order; none where the registry does not know the repository (any more). */
  tags(repository: RepositoryName, signal: AbortSignal): Promise<readonly TagName[]>;
  /** The manifest, or undefined where there is none of that name. */
  manifest(
    repository: RepositoryName,
    reference: TagName | Digest,
    signal: AbortSignal,
  ): Promise<StoredManifest | undefined>;
  /** The stored bytes of a blob, or undefined where the repository does not hold it. */
  blobBytes(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<number | undefined>;
}

/** A manifest as the registry serves it. `sizeBytes` is the length of its body. */
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
