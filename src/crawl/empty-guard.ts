import type { RepositoryName } from '../domain/names.ts';
import type { RepositoryUsage, Snapshot } from '../domain/snapshot/snapshot.ts';

/**
 * A registry that answers but has lost nearly everything: after an outage or a lost database, this must not be shown as disk space that was freed.
 */
export class EmptyRegistryError extends Error {
  override readonly name = 'EmptyRegistryError';

  /** @param listedCount the tags that the registry lists, readable or not */
  constructor(tagsCount: number, listedCount: number, tagsBefore: number) {
    const found = `the crawl found ${tagsCount} readable tags, but the last snapshot has ${tagsBefore}: the crawl is rejected, and the last snapshot stays`;
    const advice =
      listedCount > tagsCount
        ? `the registry still lists ${listedCount} tags, so they are not deleted: find out why the service cannot read them, and leave empty_guard as it is`
        : 'if all these tags were deleted on purpose, set empty_guard to 0 until one crawl has finished';
    super(`${found}; ${advice}`);
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
  if (tagsCount >= tagsBefore * minShare) return;
  const listedCount = fresh.repositories.reduce((sum, { tags }) => sum + tags.length, 0);
  throw new EmptyRegistryError(tagsCount, listedCount, tagsBefore);
}

function countReadableTags(repositories: readonly RepositoryUsage[]): number {
  return repositories.reduce((sum, { tags }) => sum + tags.filter(({ sizeBytes }) => sizeBytes !== null).length, 0);
}
