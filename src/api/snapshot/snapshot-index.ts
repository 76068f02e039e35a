import { type BlobIndex, createBlobIndex } from '../../domain/snapshot/blob-index.ts';
import type { NamespaceUsage, RepositoryUsage, Snapshot, TagFigures } from '../../domain/snapshot/snapshot.ts';

/** A snapshot with indexes of its names. It is built once for each snapshot. */
export interface SnapshotIndex {
  readonly snapshot: Snapshot;
  readonly blobs: BlobIndex;
  /** The number of levels that can be embedded, from the top-level namespaces down to the tags. */
  readonly deepestLevel: number;
  repository(name: string): RepositoryUsage | undefined;
  tag(repository: RepositoryUsage, name: string): TagFigures | undefined;
  namespace(path: string): NamespaceUsage | undefined;
  /** Returns the namespaces directly below a namespace, or the top-level ones for undefined. */
  namespacesIn(path: string | undefined): readonly NamespaceUsage[];
  repositoriesIn(path: string | undefined): readonly RepositoryUsage[];
  /** Returns the position of a tag (see `Contents`). */
  positionOf(repository: RepositoryUsage, tag: TagFigures): number;
  /** Returns the tag at a position. */
  tagAt(position: number): { readonly repository: RepositoryUsage; readonly tag: TagFigures } | undefined;
}

/** Repositories, the list of tags of each, and the tags. */
const LEVELS_FROM_REPOSITORIES = 4;

export function indexSnapshot(snapshot: Snapshot): SnapshotIndex {
  const { repositories, namespaces, contents } = snapshot;
  const repositoryOf = new Map<string, RepositoryUsage>(repositories.map((one) => [one.name, one]));
  const namespaceOf = new Map(namespaces.map((one) => [one.path, one]));
  const repositoriesIn = Map.groupBy(repositories, ({ namespace }) => namespace);
  const namespacesIn = Map.groupBy(namespaces, ({ namespace }) => namespace);
  const firstPositions = firstPositionsOf(repositories);
  const firstPositionOf = new Map(repositories.map((one, place) => [one, firstPositions[place] ?? 0]));
  const tags = new Map<RepositoryUsage, ReadonlyMap<string, TagFigures>>();
  return {
    snapshot,
    blobs: createBlobIndex(contents),
    deepestLevel:
      LEVELS_FROM_REPOSITORIES + namespaces.reduce((most, { path }) => Math.max(most, path.split('/').length), 0),
    repository: (name) => repositoryOf.get(name),
    tag(repository, name) {
      let byName = tags.get(repository);
      if (byName === undefined) {
        byName = new Map(repository.tags.map((tag) => [tag.name, tag]));
        tags.set(repository, byName);
      }
      return byName.get(name);
    },
    namespace: (path) => namespaceOf.get(path),
    namespacesIn: (path) => namespacesIn.get(path) ?? [],
    repositoriesIn: (path) => repositoriesIn.get(path) ?? [],
    positionOf: (repository, tag) => (firstPositionOf.get(repository) ?? 0) + repository.tags.indexOf(tag),
    tagAt(position) {
      const place = contents.repositoryOf[position] ?? -1;
      const repository = repositories[place];
      const tag = repository?.tags[position - (firstPositions[place] ?? 0)];
      return repository && tag && { repository, tag };
    },
  };
}

function firstPositionsOf(repositories: readonly RepositoryUsage[]): readonly number[] {
  let position = 0;
  return repositories.map(({ tags }) => {
    const first = position;
    position += tags.length;
    return first;
  });
}
