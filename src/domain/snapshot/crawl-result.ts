import type { BlobGraph } from '../graph/graph.ts';
import type { RepositoryName, TagName } from '../names.ts';
import type { Gap } from './snapshot.ts';

/** What is there to be counted, however it was come by. Times are milliseconds since the epoch. */
export interface CrawlResult {
  readonly graph: BlobGraph;
  readonly repositories: readonly RepositoryResult[];
  /** What the registry lists as repositories, under names that nobody can ask for. It holds bytes all the same. */
  readonly illegal: ReadonlySet<string>;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** A repository and its tags, in any order, or why they are not all there. */
export interface RepositoryResult {
  readonly name: RepositoryName;
  readonly tags: readonly TagResult[];
  readonly gap: Gap | undefined;
  /** Where the tags are those of an earlier crawl, since this one could not read them: when they were read. */
  readonly staleSince: number | undefined;
}

/** The node that a tag points at, or why there is none. */
export type TagResult = {
  readonly name: TagName;
  /** When it, or what it points at, was pulled last, where somebody told. */
  readonly lastPulledAt: number | undefined;
} & ({ readonly root: number } | { readonly root: undefined; readonly gap: Gap });
