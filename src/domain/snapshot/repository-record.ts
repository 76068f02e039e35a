import type { Descriptor } from '../manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from '../names.ts';
import type { Gap, TagTimes } from './snapshot.ts';

/** What the crawls know of a repository. Neither content nor failure: a crawl has begun to read it, or the stored content was damaged. */
export interface RepositoryRecord {
  readonly name: RepositoryName;
  /** From the last successful read; undefined if there was none. */
  readonly content: RepositoryContent | undefined;
  /** Why the last read failed; undefined if it succeeded. The content is then that of an earlier read. */
  readonly failure: Gap | undefined;
}

/** What a repository contained when it was read. */
export interface RepositoryContent {
  /** Milliseconds since the epoch. */
  readonly readAt: number;
  readonly tags: readonly TagRecord[];
  /** Names that the registry lists as tags but the protocol does not allow. */
  readonly illegalTags: readonly string[];
  /** Why the list of tags may go on after these; absent if it is whole. */
  readonly cut?: string;
  /** The referrers of the manifests in the repository, if the registry can list them. */
  readonly referrers: readonly ReferrersRecord[];
}

/** The digest that a tag points at, or why it could not be read. */
export type TagRecord = {
  readonly name: TagName /** Absent if the registry states none of them. */;
  readonly times?: TagTimes;
} & ({ readonly digest: Digest } | { readonly digest: undefined; readonly gap: Gap });

export interface ReferrersRecord {
  readonly subject: Digest;
  /** `null` if they could not be read. */
  readonly referrers: readonly Descriptor[] | null;
}
