import type { RepositoryName } from '../domain/names.ts';
import type { RepositoryUsage, Snapshot } from '../domain/snapshot/snapshot.ts';

/**
 * A registry that answers but has lost nearly everything: after an outage or a lost database, this must not be shown as disk space that was freed.
 */
export class EmptyRegistryError extends Error {
  override readonly name = 'EmptyRegistryError';

  constructor(tagsCount: number, tagsBefore: number) {
    super(
      `the crawl found ${tagsCount} readable tags, but the last snapshot has ${tagsBefore}: the crawl is rejected, and the last snapshot stays; if the tags were deleted, set empty_guard to 0`,
    );
  }
}

/**
 * Throws an `EmptyRegistryError` if a snapshot has far fewer readable tags than the one before it. Repositories that the configuration no longer
 * wants are left out of the comparison.
 *
 * @param minShare the smallest accepted share of the tags of the last snapshot: from 0, which accepts everything, to 1
 */
export function rejectEmptied(
  fresh: Snapshot,
  last: Snapshot | undefined,
  minShare: number,
  isWanted: (name: RepositoryName) => boolean,
): void {
  const wanted = last?.repositories.filter(({ name }) => isWanted(name)) ?? [];
  const [tagsCount, tagsBefore] = [countReadableTags(fresh.repositories), countReadableTags(wanted)];
  if (tagsCount < tagsBefore * minShare) throw new EmptyRegistryError(tagsCount, tagsBefore);
}

function countReadableTags(repositories: readonly RepositoryUsage[]): number {
  return repositories.reduce((sum, { tags }) => sum + tags.filter(({ sizeBytes }) => sizeBytes !== null).length, 0);
}
