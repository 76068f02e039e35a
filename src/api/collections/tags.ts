import type { RepositoryUsage, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { membersOf, representList, type View } from '../hal/represent-list.ts';
import { type RepresentationContext, withoutEmbedding } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Tags, tags } from '../schemas/tree.ts';
import { describeCollection } from './descriptor.ts';
import { BY_NAME, tagOrders } from './orders.ts';
import { representTag, TAG, TAG_COLUMNS } from './tag.ts';

/** `GET /repositories/{repository}/tags` */
export const TAGS = describeCollection<TagFigures>({
  path: PATHS.tags,
  relation: 'tags',
  operation: { id: 'listTags', section: 'tree', summary: 'The tags of a repository' },
  schema: { name: 'Tags', schema: tags },
  memberSchemas: [TAG.schema],
  columns: TAG_COLUMNS,
  orders: { ...BY_NAME, ...tagOrders((one) => one) },
  ownOrder: 'name',
  nameOf: ({ name }) => name,
  find([name = ''], context) {
    const repository = context.index.repository(name);
    return (
      repository && {
        members: membersOf(repository.tags),
        partsOf: (tag) => ({ repository: name, tag: tag.name }),
        represent: (view) => representTags(repository, view, context),
        representLine: (one) => representTag(one, repository, context),
      }
    );
  },
});

export function representTags(repository: RepositoryUsage, view: View, context: RepresentationContext): Tags {
  const { links } = context;
  const { name, isComplete } = repository;
  const members = membersOf(repository.tags);
  // If the crawl could not list the tags, an empty `_embedded` would claim that there are none.
  const isUnknown = members.length === 0 && !isComplete;
  return representList(view, isUnknown ? withoutEmbedding(context) : context, {
    state: { complete: isComplete },
    members,
    links: (items) => ({ up: { href: links.repository(name) }, ...items }),
    linkTo: (one) => ({ href: links.tag(name, one.name), title: one.name }),
    represent: (one) => representTag(one, repository, context),
  });
}
