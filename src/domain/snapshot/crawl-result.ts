import type { BlobGraph } from '../graph/graph.ts';
import type { RepositoryName, TagName } from '../names.ts';
import type { AssumedCollector } from '../usage/garbage-collector.ts';
import type { ListedReferrer } from '../usage/kept-blobs.ts';
import type { Gap, TagTimes } from './snapshot.ts';

/** What a snapshot is computed from. Times are milliseconds since the epoch. The store contains it in this form: see CRAWL_RESULT_FORMAT. */
export interface CrawlResult {
  readonly graph: BlobGraph;
  readonly repositories: readonly RepositoryResult[];
  /** Names that the registry lists as repositories but the protocol does not allow. They use disk space nevertheless. */
  readonly illegal: ReadonlySet<string>;
  readonly garbageCollector: AssumedCollector;
  /** Why the list of repositories may go on after these; absent if it is whole. */
  readonly cut?: string | undefined;
  /** When the registry was last seen to be a pull-through cache; absent if it is not known to be one. */
  readonly pulledThroughAt?: number | undefined;
  /** Why the registry lists no referrers, although it does not say that it cannot; absent if it does list them, or says so. */
  readonly referrersRefusal?: string | undefined;
  /** The number of configs of images that are read later; absent for 0. */
  readonly configsPending?: number;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** A repository with its tags, in any order, and the reason if some may be missing. */
export interface RepositoryResult {
  readonly name: RepositoryName;
  readonly tags: readonly TagResult[];
  /** The referrers that the registry lists in this repository; absent if it lists none. */
  readonly referrers?: readonly ListedReferrer[];
  readonly gap: Gap | undefined;
  /** When the tags were read, if this crawl could not read them and they are those of an earlier one. */
  readonly staleSince: number | undefined;
}

/** The node that a tag points at, or why there is none. */
export type TagResult = {
  readonly name: TagName;
  /** When the tag or its digest was last pulled, if a notification reported it. */
  readonly lastPulledAt: number | undefined;
  /** Undefined if the registry states no times of the tag. */
  readonly times?: TagTimes | undefined;
} & ({ readonly root: number } | { readonly root: undefined; readonly gap: Gap });
