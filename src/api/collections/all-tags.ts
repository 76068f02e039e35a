import type { NameParts } from '../../domain/search/search.ts';
import type { RepositoryUsage, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { type Members, representList, type View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import type { Link } from '../schemas/schema-parts.ts';
import { type AllTags, allTags, type TagOfRepository, tagOfRepository } from '../schemas/tree.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import { describeCollection } from './descriptor.ts';
import { BY_NAME, tagOrders } from './orders.ts';
import { representTag, TAG_COLUMNS } from './tag.ts';

/** A tag with its repository. */
export interface TagInRepository {
  readonly repository: RepositoryUsage;
  readonly tag: TagFigures;
}

/** What all lists of tags of several repositories have in common. */
export const TAGS_OF_REPOSITORIES = {
  memberSchemas: [{ name: 'TagOfRepository', schema: tagOfRepository }],
  columns: ['repository', ...TAG_COLUMNS],
  orders: { ...BY_NAME, ...tagOrders(({ tag }: TagInRepository) => tag) },
  ownOrder: 'name',
  nameOf: ({ repository, tag }: TagInRepository) => `${repository.name}:${tag.name}`,
} as const;

/** `GET /tags`. The whole list would be as large as the tree, so HAL is always paged. */
export const ALL_TAGS = describeCollection<TagInRepository>({
  path: PATHS.allTags,
  relation: 'all_tags',
  operation: { id: 'listAllTags', section: 'tree', summary: 'The tags of all repositories' },
  schema: { name: 'AllTags', schema: allTags },
  ...TAGS_OF_REPOSITORIES,
  perPage: 100,
  find(_, context) {
    const members = allTagsOf(context.index);
    return {
      members,
      partsOf: partsOfTag,
      represent: (view) => representAllTags(members, view, context),
      representLine: (one) => representTagOfRepository(one, context),
    };
  },
});

export function partsOfTag({ repository, tag }: TagInRepository): NameParts {
  return { repository: repository.name, tag: tag.name };
}

function allTagsOf({ snapshot, tagAt }: SnapshotIndex): Members<TagInRepository> {
  const { length } = snapshot.contents.repositoryOf;
  return {
    length,
    at: tagAt,
    *[Symbol.iterator]() {
      for (const repository of snapshot.repositories) for (const tag of repository.tags) yield { repository, tag };
    },
  };
}

function representAllTags(members: Members<TagInRepository>, view: View, context: RepresentationContext): AllTags {
  const { id, finishedAt, figures } = context.index.snapshot;
  const { links } = context;
  return representTagsOfRepositories(members, view, context, {
    state: {
      timestamp: finishedAt / 1000,
      snapshot: id,
      tags_count: figures.tagsCount,
      complete: figures.isComplete,
    },
    links: { up: { href: links.repositories() } },
  });
}

/** Represents a list of tags of several repositories. */
export function representTagsOfRepositories<S extends object, L extends Readonly<Record<string, Link>>>(
  members: Members<TagInRepository>,
  view: View,
  context: RepresentationContext,
  own: { readonly state: S; readonly links: L },
) {
  return representList(view, context, {
    state: own.state,
    members,
    links: (items) => ({ ...own.links, ...items }),
    linkTo: ({ repository, tag }) => ({
      href: context.links.tag(repository.name, tag.name),
      title: `${repository.name}:${tag.name}`,
    }),
    represent: (one) => representTagOfRepository(one, context),
  });
}

export function representTagOfRepository(
  { repository, tag }: TagInRepository,
  context: RepresentationContext,
): TagOfRepository {
  return { repository: repository.name, ...representTag(tag, repository, context) };
}
