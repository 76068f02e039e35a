import type { Digest, RepositoryName, TagName } from './names.ts';

/** What one collection found, counted. Sorted by name throughout, so that arrival order cannot show. Times are milliseconds since the epoch. */
export interface Snapshot {
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly repositories: readonly RepositoryUsage[];
  /** What could not be read, and why. A snapshot without gaps is complete. */
  readonly gaps: readonly Gap[];
}

/** A repository's sums over its tags. `null` is unknown: nothing of it could be read. Not complete: the figures are lower bounds. */
export interface RepositoryUsage {
  readonly name: RepositoryName;
  readonly sizeBytes: number | null;
  readonly diskSizeBytes: number | null;
  readonly isComplete: boolean;
  readonly tags: readonly TagFigures[];
}

/**
 * ok; incomplete: something that it names is not stored or could not be read, the figures are lower bounds;
 * broken: listed, but its manifest is missing or unreadable; unsupported: its format is not understood.
 */
export type TagStatus = 'ok' | 'incomplete' | 'broken' | 'unsupported';

/** One tag's figures: numbers where `status` is ok or incomplete, `null` otherwise. */
export interface TagFigures {
  readonly name: TagName;
  readonly status: TagStatus;
  readonly sizeBytes: number | null;
  readonly diskSizeBytes: number | null;
}

/** One thing that a collection could not read. `reason` is for people and holds no secret. */
export interface Gap {
  readonly repository: RepositoryName;
  /** The tag or digest; absent where the repository as a whole could not be read. */
  readonly reference?: TagName | Digest;
  readonly code: GapCode;
  readonly reason: string;
}

export type GapCode = 'forbidden' | 'missing' | 'unsupported' | 'unreadable';
