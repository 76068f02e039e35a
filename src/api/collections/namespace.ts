import type { NameParts } from '../../domain/search/search.ts';
import type { NamespaceUsage, RepositoryUsage } from '../../domain/snapshot/snapshot.ts';
import { FIGURE_NAMES } from '../../domain/usage/figures.ts';
import { type LazyArray, lazyArrayOf } from '../../http/bodies/json-stream.ts';
import { representFigures } from '../hal/represent-figures.ts';
import { type Members, type View, wholeOf } from '../hal/represent-list.ts';
import { deeper, type RepresentationContext, withoutEmbedding } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import type { Link } from '../schemas/schema-parts.ts';
import {
  type Namespace,
  type NamespaceLine,
  namespace,
  namespaceLine,
  type RepositoryLine,
  repositoryLine,
} from '../schemas/tree.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import { describeCollection } from './descriptor.ts';
import { figureOrders } from './orders.ts';
import { representRepository } from './repository.ts';

/* A namespace is the list of its children, as the top of the tree is (namespaces.ts): first namespaces, then repositories, each by name. */

export type Child = NamespaceUsage | RepositoryUsage;

/** What both lists of children have in common. */
export const CHILDREN = {
  memberSchemas: [
    { name: 'NamespaceLine', schema: namespaceLine },
    { name: 'RepositoryLine', schema: repositoryLine },
  ],
  columns: [
    'relation',
    'name',
    ...FIGURE_NAMES,
    'stale_since',
    'namespaces_count',
    'repositories_count',
    'database_bytes',
  ],
  orders: {
    name: { kind: 'text', compareIn: () => compareNames },
    ...figureOrders((child: Child) => child),
  },
  nameOf,
} as const;

/** `GET /namespaces/{path}` */
export const NAMESPACE = describeCollection<Child>({
  path: PATHS.namespace,
  relation: 'namespace',
  operation: {
    id: 'getNamespace',
    section: 'tree',
    summary: 'A namespace, and the namespaces and repositories directly below it',
  },
  schema: { name: 'Namespace', schema: namespace },
  ...CHILDREN,
  find([path = ''], context) {
    const parent = context.index.namespace(path);
    return (
      parent && {
        members: childrenOf(path, context.index),
        partsOf: partsOfChild,
        represent: (view) => representNamespace(parent, view, context),
        representLine: representChildLine(context),
      }
    );
  },
});

export function partsOfChild(child: Child): NameParts {
  return { repository: nameOf(child), tag: undefined };
}

function nameOf(child: Child): string {
  return 'path' in child ? child.path : child.name;
}

function compareNames(a: Child, b: Child): number {
  const [one, other] = [nameOf(a), nameOf(b)];
  return one < other ? -1 : Number(one > other);
}

/** @param path undefined for the top of the tree */
export function childrenOf(path: string | undefined, index: SnapshotIndex): Members<Child> {
  const namespaces = index.namespacesIn(path);
  const repositories = index.repositoriesIn(path);
  return {
    length: namespaces.length + repositories.length,
    at: (position) => namespaces[position] ?? repositories[position - namespaces.length],
    *[Symbol.iterator]() {
      yield* namespaces;
      yield* repositories;
    },
  };
}

export function representChildLine(context: RepresentationContext): (child: Child) => NamespaceLine | RepositoryLine {
  const alone = withoutEmbedding(context);
  return (child) =>
    'path' in child
      ? { relation: 'child_namespaces', ...representEmbeddedNamespace(child, alone) }
      : { relation: 'child_repositories', ...representRepository(child, alone) };
}

function representEmbeddedNamespace(one: NamespaceUsage, context: RepresentationContext): Namespace {
  return representNamespace(one, wholeOf(context.links.namespace(one.path)), context);
}

function representNamespace(one: NamespaceUsage, view: View, context: RepresentationContext): Namespace {
  const { links } = context;
  const up = one.namespace === undefined ? links.namespaces() : links.namespace(one.namespace);
  return {
    name: one.path,
    ...representFigures(one),
    ...representChildren(one.path, view, context, { collection: { href: links.namespaces() }, up: { href: up } }),
  };
}

/**
 * Represents the children of a namespace, or of the top: how many there are, the page, links and embedded children.
 *
 * @param path undefined for the top of the tree
 * @param ownLinks the links besides those to pages and children
 */
export function representChildren<L extends Readonly<Record<string, Link>>>(
  path: string | undefined,
  view: View,
  context: RepresentationContext,
  ownLinks: L,
) {
  const { index, options, links } = context;
  const namespaces = index.namespacesIn(path);
  const repositories = index.repositoriesIn(path);
  const shown = shownChildren(view, namespaces, repositories);
  const below = deeper(context);
  return {
    namespaces_count: namespaces.length,
    repositories_count: repositories.length,
    ...view.state,
    ...(options.links && {
      _links: {
        ...view.links,
        ...ownLinks,
        ...relation('child_namespaces', shown.namespaces, (one) => ({
          href: links.namespace(one.path),
          title: one.path,
        })),
        ...relation('child_repositories', shown.repositories, ({ name }) => ({
          href: links.repository(name),
          title: name,
        })),
      },
    }),
    ...(options.embed > 0 && {
      _embedded: {
        ...relation('child_namespaces', shown.namespaces, (one) => representEmbeddedNamespace(one, below)),
        ...relation('child_repositories', shown.repositories, (one) => representRepository(one, below)),
      },
    }),
  };
}

function shownChildren(
  { positions }: View,
  namespaces: readonly NamespaceUsage[],
  repositories: readonly RepositoryUsage[],
): { readonly namespaces: readonly NamespaceUsage[]; readonly repositories: readonly RepositoryUsage[] } {
  if (positions === undefined) return { namespaces, repositories };
  const shown: { readonly namespaces: NamespaceUsage[]; readonly repositories: RepositoryUsage[] } = {
    namespaces: [],
    repositories: [],
  };
  for (const position of positions) {
    const [namespace, repository] = [namespaces[position], repositories[position - namespaces.length]];
    if (namespace !== undefined) shown.namespaces.push(namespace);
    else if (repository !== undefined) shown.repositories.push(repository);
  }
  return shown;
}

/** Returns a relation, or nothing for an empty list: HAL leaves out a relation without targets. */
function relation<R extends string, S, T>(
  name: R,
  list: readonly S[],
  represent: (one: S) => T,
): { readonly [K in R]?: LazyArray<T> } {
  const relations: Partial<Record<string, LazyArray<T>>> =
    list.length === 0 ? {} : { [name]: lazyArrayOf(list, represent) };
  return relations as { readonly [K in R]?: LazyArray<T> };
}
