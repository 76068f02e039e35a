import { assertNever } from '../domain/assert-never.ts';
import type { RepositoryUsage, Snapshot, TagFigures } from '../domain/snapshot.ts';
import type { Links } from './links.ts';
import type { Wants } from './query.ts';
import type { Resource } from './resolve.ts';

/** A HAL resource (draft-kelly-json-hal-11): its state, then its links and what it embeds, where they are wanted. */
export type Representation = Readonly<Record<string, unknown>>;

/** The root collection; nothing but a `null` timestamp before the first collection has finished. */
export function representRepositories(snapshot: Snapshot | undefined, wants: Wants, links: Links): Representation {
  const repositories = snapshot?.repositories ?? [];
  return {
    timestamp: snapshot === undefined ? null : snapshot.finishedAt / 1000,
    ...(snapshot && { complete: snapshot.gaps.length === 0 }),
    ...(wants.links && {
      _links: {
        self: { href: links.repositories() },
        ...items(repositories.map(({ name }) => ({ href: links.repository(name), title: name }))),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: items(repositories.map((repository) => representRepository(repository, deeper(wants), links))),
    }),
  };
}

export function representResource(resource: Resource, wants: Wants, links: Links): Representation {
  switch (resource.kind) {
    case 'repository':
      return representRepository(resource.repository, wants, links);
    case 'tags':
      return representTags(resource.repository, wants, links);
    case 'tag':
      return representTag(resource.tag, resource.repository, wants, links);
    default:
      return assertNever(resource);
  }
}

function representRepository(repository: RepositoryUsage, wants: Wants, links: Links): Representation {
  const { name, sizeBytes, diskSizeBytes, isComplete } = repository;
  return {
    name,
    size: sizeBytes,
    disk_size: diskSizeBytes,
    complete: isComplete,
    ...(wants.links && {
      _links: {
        self: { href: links.repository(name) },
        collection: { href: links.repositories() },
        related: { href: links.tags(name), title: 'tags' },
      },
    }),
    ...(wants.embed > 0 && { _embedded: { related: representTags(repository, deeper(wants), links) } }),
  };
}

function representTags(repository: RepositoryUsage, wants: Wants, links: Links): Representation {
  const { name, tags } = repository;
  const areUnknown = tags.length === 0 && !repository.isComplete;
  return {
    ...(wants.links && {
      _links: {
        self: { href: links.tags(name) },
        up: { href: links.repository(name) },
        ...items(tags.map((tag) => ({ href: links.tag(name, tag.name), title: tag.name }))),
      },
    }),
    ...(wants.embed > 0 &&
      !areUnknown && { _embedded: items(tags.map((tag) => representTag(tag, repository, wants, links))) }),
  };
}

function representTag(tag: TagFigures, repository: RepositoryUsage, wants: Wants, links: Links): Representation {
  return {
    name: tag.name,
    size: tag.sizeBytes,
    disk_size: tag.diskSizeBytes,
    status: tag.status,
    complete: tag.status === 'ok',
    ...(wants.links && {
      _links: {
        self: { href: links.tag(repository.name, tag.name) },
        collection: { href: links.tags(repository.name) },
      },
    }),
  };
}

function deeper(wants: Wants): Wants {
  return { ...wants, embed: wants.embed - 1 };
}

/** A relation with nothing to point at is left out. */
function items<T>(list: readonly T[]): { items?: readonly T[] } {
  return list.length === 0 ? {} : { items: list };
}
