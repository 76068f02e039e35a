import { BY_POSITION, type Order } from '../../domain/order.ts';
import type { Figures, NamespaceUsage, RepositoryUsage, TagFigures } from '../../domain/snapshot/snapshot.ts';
import type { Links } from '../hal/links.ts';
import { representGap, representGaps } from '../hal/represent-crawl.ts';
import { sharedBytes } from '../hal/represent-figures.ts';
import { representInside, representNamespace } from '../hal/represent-namespaces.ts';
import {
  representAllTags,
  representHolder,
  representRepositories,
  representRepository,
  representTag,
  representTags,
  type TagOfRepository,
} from '../hal/representations.ts';
import type { NamespaceLine, RepositoryLine } from '../schemas/tree.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { Collection } from './collection.ts';
import { CHILD_COLUMNS, GAP_COLUMNS, HOLDER_COLUMNS, REPOSITORY_COLUMNS, TAG_COLUMNS } from './csv-columns.ts';

/** What the collections of a snapshot are made from. */
export interface CollectionContext {
  readonly index: SnapshotIndex;
  readonly wants: EmbedOptions;
  readonly links: Links;
}

export function listRepositories({ index, wants, links }: CollectionContext): Collection {
  const { snapshot } = index;
  const at = memberOf(snapshot.repositories);
  return {
    href: links.repositories(),
    length: snapshot.repositories.length,
    nameAt: (position) => at(position).name,
    ownOrder: 'name',
    orders: { name: BY_POSITION, ...figureOrders(at) },
    perPage: undefined,
    columns: REPOSITORY_COLUMNS,
    memberAt: (position) => representRepository(at(position), alone(wants), links),
    represent: (view) => representRepositories(snapshot, view, wants, links),
  };
}

/** The tags of one repository. */
export function listTags(repository: RepositoryUsage, { wants, links }: Omit<CollectionContext, 'index'>): Collection {
  const at = memberOf(repository.tags);
  return {
    href: links.tags(repository.name),
    length: repository.tags.length,
    nameAt: (position) => at(position).name,
    ownOrder: 'name',
    orders: { name: BY_POSITION, ...tagOrders(at) },
    perPage: undefined,
    columns: TAG_COLUMNS,
    memberAt: (position) => representTag(at(position), repository, wants, links),
    represent: (view) => representTags(repository, view, wants, links),
  };
}

/** The whole answer would be as large as the tree is. */
const ALL_TAGS_PER_PAGE = 100;

/** The tags of all repositories. */
export function listAllTags({ index, wants, links }: CollectionContext): Collection {
  const at = (position: number): TagOfRepository => sure(index.tagAt(position));
  return {
    href: links.allTags(),
    length: index.snapshot.contents.repositoryOf.length,
    ...ofTagsAt(at, wants, links),
    perPage: ALL_TAGS_PER_PAGE,
    represent: (view) => representAllTags(index, view, wants, links),
  };
}

/** What tags of several repositories are called, and how they go on lines, wherever they are listed. */
export function ofTagsAt(at: (position: number) => TagOfRepository, wants: EmbedOptions, links: Links) {
  return {
    nameAt(position: number) {
      const { repository, tag } = at(position);
      return `${repository.name}:${tag.name}`;
    },
    ownOrder: 'name',
    orders: { name: BY_POSITION, ...tagOrders((position) => at(position).tag) },
    columns: HOLDER_COLUMNS,
    memberAt: (position: number) => representHolder(at(position), wants, links),
  };
}

/** What is right below a namespace, or at the top: the namespaces, and then the repositories. */
export function listInside(around: NamespaceUsage | undefined, { index, wants, links }: CollectionContext): Collection {
  const namespaces = index.namespacesIn(around?.path);
  const repositories = index.repositoriesIn(around?.path);
  const at = (position: number): NamespaceUsage | RepositoryUsage =>
    sure(namespaces[position] ?? repositories[position - namespaces.length]);
  const nameAt = (position: number): string => nameOf(at(position));
  const compare = (a: number, b: number): number => (nameAt(a) < nameAt(b) ? -1 : Number(nameAt(a) > nameAt(b)));
  return {
    href: around === undefined ? links.namespaces() : links.namespace(around.path),
    length: namespaces.length + repositories.length,
    nameAt,
    ownOrder: undefined,
    orders: { name: { kind: 'text', compare }, ...figureOrders(at) },
    perPage: undefined,
    columns: CHILD_COLUMNS,
    memberAt(position): NamespaceLine | RepositoryLine {
      const one = at(position);
      return 'path' in one
        ? { relation: 'child_namespaces', ...representNamespace(one, index, alone(wants), links) }
        : { relation: 'child_repositories', ...representRepository(one, alone(wants), links) };
    },
    represent: (view) => representInside(around, index, view, wants, links),
  };
}

function nameOf(one: NamespaceUsage | RepositoryUsage): string {
  return 'path' in one ? one.path : one.name;
}

export function listGaps({ index, wants, links }: CollectionContext): Collection {
  const { snapshot } = index;
  const at = memberOf(snapshot.gaps);
  return {
    href: links.gaps(),
    length: snapshot.gaps.length,
    nameAt(position) {
      const { repository, reference } = at(position);
      return reference === undefined ? repository : `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
    },
    ownOrder: 'name',
    orders: { name: BY_POSITION },
    perPage: undefined,
    columns: GAP_COLUMNS,
    memberAt: (position) => representGap(at(position)),
    represent: (view) => representGaps(snapshot, view, wants, links),
  };
}

function tagOrders(at: (position: number) => TagFigures): Readonly<Record<string, Order>> {
  return {
    ...figureOrders(at),
    created_at: numbers((position) => at(position).manifest?.createdAt),
    last_pulled_at: numbers((position) => at(position).lastPulledAt),
    layers_count: numbers((position) => at(position).manifest?.layersCount),
  };
}

function figureOrders(at: (position: number) => Figures): Readonly<Record<string, Order>> {
  return {
    size: numbers((position) => at(position).sizeBytes),
    disk_size: numbers((position) => at(position).diskSizeBytes),
    deduplicated_bytes: numbers((position) => at(position).deduplicatedBytes),
    reclaimable_bytes: numbers((position) => at(position).reclaimableBytes),
    shared_bytes: numbers((position) => sharedBytes(at(position))),
    metadata_bytes: numbers((position) => at(position).metadataBytes),
    tags_count: numbers((position) => at(position).tagsCount),
  };
}

export function numbers(valueAt: (position: number) => number | null | undefined): Order {
  return { kind: 'number', valueAt: (position) => valueAt(position) ?? null };
}

function memberOf<T>(list: readonly T[]): (position: number) => T {
  return (position) => sure(list[position]);
}

/** Positions come from orders of the very list, so that nothing is beyond its end. */
export function sure<T>(member: T | undefined): T {
  if (member === undefined) throw new RangeError('a position beyond the end of its collection');
  return member;
}

/** On a line of its own a member embeds nothing. */
function alone(wants: EmbedOptions): EmbedOptions {
  return { ...wants, embed: 0 };
}
