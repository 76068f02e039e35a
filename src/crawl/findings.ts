import type { RepositoryName, TagName } from '../domain/names.ts';
import type { Gap } from '../domain/snapshot.ts';

/** What a crawl found under a tag's name: the node that it points at, or why there is none. */
export type TagFinding =
  | { readonly name: TagName; readonly root: number }
  | { readonly name: TagName; readonly root: undefined; readonly gap: Gap };

/** What a crawl found in a repository: its tags, in any order, or why they could not be listed. */
export interface RepositoryFinding {
  readonly name: RepositoryName;
  readonly tags: TagFinding[];
  gap?: Gap;
}
