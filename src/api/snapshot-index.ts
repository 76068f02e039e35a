import type { RepositoryUsage, Snapshot, TagFigures } from '../domain/snapshot.ts';

/** A snapshot with its names looked up, made once a snapshot. */
export interface SnapshotIndex {
  readonly snapshot: Snapshot;
  repository(name: string): RepositoryUsage | undefined;
  tag(repository: RepositoryUsage, name: string): TagFigures | undefined;
}

export function indexSnapshot(snapshot: Snapshot): SnapshotIndex {
  const repositories = new Map<string, RepositoryUsage>(
    snapshot.repositories.map((repository) => [repository.name, repository]),
  );
  const tags = new Map<RepositoryUsage, ReadonlyMap<string, TagFigures>>();
  return {
    snapshot,
    repository: (name) => repositories.get(name),
    tag(repository, name) {
      let byName = tags.get(repository);
      if (byName === undefined) {
        byName = new Map(repository.tags.map((tag) => [tag.name, tag]));
        tags.set(repository, byName);
      }
      return byName.get(name);
    },
  };
}
