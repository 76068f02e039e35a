import { assertNever } from '../domain/assert-never.ts';
import type { RepositoryUsage, Snapshot, TagFigures } from '../domain/snapshot.ts';
import { type Members, membersOf } from './json-parts.ts';
import type { Links } from './links.ts';
import type { Wants } from './query.ts';
import { representTagBlobs } from './represent-blobs.ts';
import { countStale, representFigures, representTime, representTimeOrNull } from './represent-figures.ts';
import type { Resource } from './resolve.ts';
import type { SnapshotIndex } from './snapshot-index.ts';

/** A HAL resource (draft-kelly-json-hal-11): its state, then its links and what it embeds, where they are wanted. */
export type Representation = Readonly<Record<string, unknown>>;

/** What a collection says before the first snapshot. */
export const NOTHING_YET: Representation = { timestamp: null, complete: false };

/** The root collection. */
export function representRepositories(snapshot: Snapshot, wants: Wants, links: Links): Representation {
  const { id, startedAt, finishedAt, figures, kinds, repositories, gaps } = snapshot;
  return {
    timestamp: finishedAt / 1000,
    snapshot: id,
    started_at: representTime(startedAt),
    finished_at: representTime(finishedAt),
    ...representFigures(figures),
    repositories_count: repositories.length,
    gaps_count: gaps.length,
    stale_repositories_count: countStale(snapshot),
    kinds: kinds.map(({ kind, tagsCount, bytes }) => ({ kind, tags_count: tagsCount, bytes })),
    ...(wants.links && {
      _links: {
        self: { href: links.repositories() },
        ...items(repositories, ({ name }) => ({ href: links.repository(name), title: name })),
        namespaces: { href: links.namespaces() },
        blobs: { href: links.blobs() },
        gaps: { href: links.gaps() },
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: items(repositories, (repository) => representRepository(repository, deeper(wants), links)),
    }),
  };
}

export function representResource(
  resource: Resource,
  index: SnapshotIndex,
  wants: Wants,
  links: Links,
): Representation {
  switch (resource.kind) {
    case 'repository':
      return representRepository(resource.repository, wants, links);
    case 'tags':
      return representTags(resource.repository, wants, links);
    case 'tag':
      return representTag(resource.tag, resource.repository, wants, links);
    case 'blobs':
      return representTagBlobs(resource, index, wants, links);
    default:
      return assertNever(resource);
  }
}

export function representRepository(repository: RepositoryUsage, wants: Wants, links: Links): Representation {
  const { name, namespace, staleSince } = repository;
  return {
    name,
    ...representFigures(repository),
    stale_since: representTimeOrNull(staleSince),
    ...(wants.links && {
      _links: {
        self: { href: links.repository(name) },
        collection: { href: links.repositories() },
        related: { href: links.tags(name), title: 'tags' },
        ...(namespace !== undefined && { namespace: { href: links.namespace(namespace), title: namespace } }),
      },
    }),
    ...(wants.embed > 0 && { _embedded: { related: representTags(repository, deeper(wants), links) } }),
  };
}

function representTags(repository: RepositoryUsage, wants: Wants, links: Links): Representation {
  const { name, tags } = repository;
  const areUnknown = tags.length === 0 && !repository.isComplete;
  return {
    complete: repository.isComplete,
    ...(wants.links && {
      _links: {
        self: { href: links.tags(name) },
        up: { href: links.repository(name) },
        ...items(tags, (tag) => ({ href: links.tag(name, tag.name), title: tag.name })),
      },
    }),
    ...(wants.embed > 0 &&
      !areUnknown && { _embedded: items(tags, (tag) => representTag(tag, repository, wants, links)) }),
  };
}

/** A tag embeds nothing: what it is made of is for those who ask for it. */
export function representTag(tag: TagFigures, repository: RepositoryUsage, wants: Wants, links: Links): Representation {
  const { name, status, manifest, lastPulledAt } = tag;
  return {
    name,
    ...representFigures(tag),
    status,
    digest: manifest?.digest ?? null,
    media_type: manifest?.mediaType || null,
    kind: manifest?.kind ?? null,
    ...(manifest?.subject !== undefined && { subject: manifest.subject }),
    platforms: manifest?.platforms ?? null,
    created_at: representTimeOrNull(manifest?.createdAt),
    last_pulled_at: representTimeOrNull(lastPulledAt),
    layers_count: manifest?.layersCount ?? null,
    ...(wants.links && {
      _links: {
        self: { href: links.tag(repository.name, name) },
        collection: { href: links.tags(repository.name) },
        ...(manifest && { blobs: { href: links.tagBlobs(repository.name, name) } }),
      },
    }),
  };
}

export function deeper(wants: Wants): Wants {
  return { ...wants, embed: wants.embed - 1 };
}

/** A relation with nothing to point at is left out. */
export function items<S, T>(list: ArrayLike<S> & Iterable<S>, represent: (one: S) => T): { items?: Members<T> } {
  return list.length === 0 ? {} : { items: membersOf(list, represent) };
}
