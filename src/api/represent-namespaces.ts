import type { NamespaceUsage, RepositoryUsage } from '../domain/snapshot.ts';
import { type Members, membersOf } from './json-parts.ts';
import type { Links } from './links.ts';
import { type View, wholeOf } from './listing.ts';
import type { Wants } from './query.ts';
import { representFigures } from './represent-figures.ts';
import { deeper, type Representation, representRepository } from './representations.ts';
import type { SnapshotIndex } from './snapshot-index.ts';

/** A namespace that is embedded, or on a line of its own. */
export function representNamespace(
  namespace: NamespaceUsage,
  index: SnapshotIndex,
  wants: Wants,
  links: Links,
): Representation {
  return representInside(namespace, index, wholeOf(links.namespace(namespace.path)), wants, links);
}

/** A namespace, or the top of the tree: the whole registry, and what lies in no namespace. A view counts namespaces first, and then repositories. */
export function representInside(
  around: NamespaceUsage | undefined,
  index: SnapshotIndex,
  view: View,
  wants: Wants,
  links: Links,
): Representation {
  const { figures, finishedAt } = index.snapshot;
  const state = around === undefined ? { timestamp: finishedAt / 1000 } : { name: around.path };
  const namespaces = index.namespacesIn(around?.path);
  const repositories = index.repositoriesIn(around?.path);
  const shown = shownOf(view, namespaces, repositories);
  const inside = deeper(wants);
  return {
    ...state,
    ...representFigures(around ?? figures),
    namespaces_count: namespaces.length,
    repositories_count: repositories.length,
    ...view.state,
    ...(wants.links && {
      _links: {
        ...view.links,
        ...linksAround(around, links),
        ...some('child_namespaces', shown.namespaces, ({ path }) => ({ href: links.namespace(path), title: path })),
        ...some('child_repositories', shown.repositories, ({ name }) => ({
          href: links.repository(name),
          title: name,
        })),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: {
        ...some('child_namespaces', shown.namespaces, (one) => representNamespace(one, index, inside, links)),
        ...some('child_repositories', shown.repositories, (one) => representRepository(one, inside, links)),
      },
    }),
  };
}

function shownOf(
  { positions }: View,
  namespaces: readonly NamespaceUsage[],
  repositories: readonly RepositoryUsage[],
): { readonly namespaces: readonly NamespaceUsage[]; readonly repositories: readonly RepositoryUsage[] } {
  if (positions === undefined) return { namespaces, repositories };
  const all = [...positions];
  return {
    namespaces: all.flatMap((position) => namespaces[position] ?? []),
    repositories: all.flatMap((position) => repositories[position - namespaces.length] ?? []),
  };
}

function linksAround(namespace: NamespaceUsage | undefined, links: Links): Representation {
  if (namespace === undefined) return {};
  const up = namespace.namespace === undefined ? links.namespaces() : links.namespace(namespace.namespace);
  return { collection: { href: links.namespaces() }, up: { href: up } };
}

/** A relation with nothing to point at is left out. */
function some<S, T>(
  relation: string,
  list: readonly S[],
  represent: (one: S) => T,
): Readonly<Record<string, Members<T>>> {
  return list.length === 0 ? {} : { [relation]: membersOf(list, represent) };
}
