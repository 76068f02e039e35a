import type { NamespaceUsage, RepositoryUsage } from '../../domain/snapshot/snapshot.ts';
import { type LazyArray, lazyArrayOf } from '../../http/bodies/json-stream.ts';
import { type View, wholeOf } from '../collections/collection.ts';
import type { Link } from '../schemas/schema-parts.ts';
import type { Namespace, Namespaces } from '../schemas/tree.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { Links } from './links.ts';
import { representFigures } from './represent-figures.ts';
import { deeper, representRepository } from './representations.ts';

/** A namespace that is embedded, or on a line of its own. */
export function representNamespace(
  namespace: NamespaceUsage,
  index: SnapshotIndex,
  wants: EmbedOptions,
  links: Links,
): Namespace {
  return representNamespaceIn(wholeOf(links.namespace(namespace.path)), namespace, index, wants, links);
}

/** A namespace, or the top of the tree: the whole registry, and what lies in no namespace. A view counts namespaces first, and then repositories. */
export function representInside(
  around: NamespaceUsage | undefined,
  index: SnapshotIndex,
  view: View,
  wants: EmbedOptions,
  links: Links,
): Namespace | Namespaces {
  if (around !== undefined) return representNamespaceIn(view, around, index, wants, links);
  const { figures, finishedAt } = index.snapshot;
  const inside = insideOf(view, undefined, index, wants, links);
  return { timestamp: finishedAt / 1000, ...representFigures(figures), ...inside.state, ...inside.shown({}) };
}

function representNamespaceIn(
  view: View,
  around: NamespaceUsage,
  index: SnapshotIndex,
  wants: EmbedOptions,
  links: Links,
): Namespace {
  const inside = insideOf(view, around.path, index, wants, links);
  const up = around.namespace === undefined ? links.namespaces() : links.namespace(around.namespace);
  return {
    name: around.path,
    ...representFigures(around),
    ...inside.state,
    ...inside.shown({ collection: { href: links.namespaces() }, up: { href: up } }),
  };
}

/** What both have; `shown` are the links, those others included, and what is embedded. */
function insideOf(view: View, path: string | undefined, index: SnapshotIndex, wants: EmbedOptions, links: Links) {
  const namespaces = index.namespacesIn(path);
  const repositories = index.repositoriesIn(path);
  const shown = shownOf(view, namespaces, repositories);
  const deep = deeper(wants);
  return {
    state: { namespaces_count: namespaces.length, repositories_count: repositories.length, ...view.state },
    shown: <L extends Readonly<Record<string, Link>>>(others: L) => ({
      ...(wants.links && {
        _links: {
          ...view.links,
          ...others,
          ...some('child_namespaces', shown.namespaces, (one) => ({
            href: links.namespace(one.path),
            title: one.path,
          })),
          ...some('child_repositories', shown.repositories, ({ name }) => ({
            href: links.repository(name),
            title: name,
          })),
        },
      }),
      ...(wants.embed > 0 && {
        _embedded: {
          ...some('child_namespaces', shown.namespaces, (one) => representNamespace(one, index, deep, links)),
          ...some('child_repositories', shown.repositories, (one) => representRepository(one, deep, links)),
        },
      }),
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

/** A relation with nothing to point at is left out. */
function some<R extends string, S, T>(
  relation: R,
  list: readonly S[],
  represent: (one: S) => T,
): { readonly [K in R]?: LazyArray<T> } {
  const relations: Partial<Record<string, LazyArray<T>>> =
    list.length === 0 ? {} : { [relation]: lazyArrayOf(list, represent) };
  return relations as { readonly [K in R]?: LazyArray<T> };
}
