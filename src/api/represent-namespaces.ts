import type { NamespaceUsage } from '../domain/snapshot.ts';
import { type Members, membersOf } from './json-parts.ts';
import type { Links } from './links.ts';
import type { Wants } from './query.ts';
import { representFigures } from './represent-figures.ts';
import { deeper, type Representation, representRepository } from './representations.ts';
import type { SnapshotIndex } from './snapshot-index.ts';

/** The top of the tree: the whole registry, and what lies in no namespace. */
export function representNamespaces(index: SnapshotIndex, wants: Wants, links: Links): Representation {
  const { figures, finishedAt } = index.snapshot;
  return {
    timestamp: finishedAt / 1000,
    ...representFigures(figures),
    ...representInside(undefined, index, wants, links),
  };
}

export function representNamespace(
  namespace: NamespaceUsage,
  index: SnapshotIndex,
  wants: Wants,
  links: Links,
): Representation {
  return {
    name: namespace.path,
    ...representFigures(namespace),
    ...representInside(namespace, index, wants, links),
  };
}

function representInside(
  around: NamespaceUsage | undefined,
  index: SnapshotIndex,
  wants: Wants,
  links: Links,
): Representation {
  const namespaces = index.namespacesIn(around?.path);
  const repositories = index.repositoriesIn(around?.path);
  const inside = deeper(wants);
  return {
    namespaces_count: namespaces.length,
    repositories_count: repositories.length,
    ...(wants.links && {
      _links: {
        ...linksAround(around, links),
        ...some('child_namespaces', namespaces, ({ path }) => ({ href: links.namespace(path), title: path })),
        ...some('child_repositories', repositories, ({ name }) => ({ href: links.repository(name), title: name })),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: {
        ...some('child_namespaces', namespaces, (one) => representNamespace(one, index, inside, links)),
        ...some('child_repositories', repositories, (one) => representRepository(one, inside, links)),
      },
    }),
  };
}

function linksAround(namespace: NamespaceUsage | undefined, links: Links): Representation {
  if (namespace === undefined) return { self: { href: links.namespaces() } };
  const up = namespace.namespace === undefined ? links.namespaces() : links.namespace(namespace.namespace);
  return {
    self: { href: links.namespace(namespace.path) },
    collection: { href: links.namespaces() },
    up: { href: up },
  };
}

/** A relation with nothing to point at is left out. */
function some<S, T>(
  relation: string,
  list: readonly S[],
  represent: (one: S) => T,
): Readonly<Record<string, Members<T>>> {
  return list.length === 0 ? {} : { [relation]: membersOf(list, represent) };
}
