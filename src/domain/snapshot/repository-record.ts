import type { Descriptor } from '../manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from '../names.ts';
import type { Gap } from './snapshot.ts';

/** What is known of a repository. With neither, it was begun with, or what was known of it is lost. */
export interface RepositoryRecord {
  readonly name: RepositoryName;
  /** As it could be read last; undefined where it never could. */
  readonly reading: RepositoryReading | undefined;
  /** Why it could not be read when it was asked for last; undefined where it could. The reading then is an old one. */
  readonly failure: Gap | undefined;
}

/** What a repository held when it was read. */
export interface RepositoryReading {
  /** Milliseconds since the epoch. */
  readonly readAt: number;
  readonly tags: readonly TagReading[];
  /** What the registry listed as tags, under names that nobody can ask for. */
  readonly illegalTags: readonly string[];
  /** What refers to the manifests of the repository, where the registry can tell. */
  readonly referrers: readonly ReferrersReading[];
}

/** What a tag points at, or why nobody could tell. */
export type TagReading =
  | { readonly name: TagName; readonly digest: Digest }
  | { readonly name: TagName; readonly digest: undefined; readonly gap: Gap };

export interface ReferrersReading {
  readonly subject: Digest;
  /** `null` where they could not be had. */
  readonly referrers: readonly Descriptor[] | null;
}
