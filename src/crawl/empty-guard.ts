import type { RepositoryName } from '../domain/names.ts';
import type { RepositoryUsage, Snapshot } from '../domain/snapshot/snapshot.ts';

/** A registry that answers, but suddenly holds next to nothing: an outage or a lost database must not read as "all freed". */
export class EmptyRegistryError extends Error {
  override readonly name = 'EmptyRegistryError';

  constructor(tagsCount: number, tagsBefore: number) {
    super(
      `only ${tagsCount} tags can be read, where there were ${tagsBefore}: that is not believed, and the last snapshot stays; if it is right, set empty_guard to 0`,
    );
  }
}

/**
 * Throws an `EmptyRegistryError` where so much is gone that it is not to be believed. What is not wanted any more does not count.
 *
 * @param leastShare of the tags that there were; from 0, which believes everything, to 1
 */
export function refuseEmptied(
  fresh: Snapshot,
  last: Snapshot | undefined,
  leastShare: number,
  isWanted: (name: RepositoryName) => boolean,
): void {
  const wanted = last?.repositories.filter(({ name }) => isWanted(name)) ?? [];
  const [tagsCount, tagsBefore] = [knownTags(fresh.repositories), knownTags(wanted)];
  if (tagsCount < tagsBefore * leastShare) throw new EmptyRegistryError(tagsCount, tagsBefore);
}

/** The tags whose figures are known. */
function knownTags(repositories: readonly RepositoryUsage[]): number {
  return repositories.reduce((sum, { tags }) => sum + tags.filter(({ sizeBytes }) => sizeBytes !== null).length, 0);
}
