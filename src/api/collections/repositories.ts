import type { RepositoryUsage, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { countStale, FIGURE_NAMES } from '../../domain/usage/figures.ts';
import { representFigures, representTime } from '../hal/represent-figures.ts';
import { membersOf, representList, type View } from '../hal/represent-list.ts';
import { deeper, type RepresentationContext, withoutEmbedding } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Repositories, repositories } from '../schemas/tree.ts';
import { describeCollection } from './descriptor.ts';
import { BY_NAME, figureOrders } from './orders.ts';
import { REPOSITORY, representRepository } from './repository.ts';

/** `GET /repositories` */
export const REPOSITORIES = describeCollection<RepositoryUsage>({
  path: PATHS.repositories,
  relation: 'repositories',
  operation: { id: 'listRepositories', section: 'tree', summary: 'The whole registry and its repositories' },
  schema: { name: 'Repositories', schema: repositories },
  memberSchemas: [REPOSITORY.schema],
  columns: ['name', ...FIGURE_NAMES, 'stale_since', 'database_bytes'],
  orders: { ...BY_NAME, ...figureOrders((one) => one) },
  ownOrder: 'name',
  embedsEmptyList: true,
  nameOf: ({ name }) => name,
  find(_, context) {
    const alone = withoutEmbedding(context);
    return {
      members: membersOf(context.index.snapshot.repositories),
      partsOf: ({ name }) => ({ repository: name, tag: undefined }),
      represent: (view) => representRepositories(context.index.snapshot, view, context),
      representLine: (one) => representRepository(one, alone),
    };
  },
});

function representRepositories(snapshot: Snapshot, view: View, context: RepresentationContext): Repositories {
  const { links } = context;
  const below = deeper(context);
  return representList(view, context, {
    state: {
      timestamp: snapshot.finishedAt / 1000,
      snapshot: snapshot.id,
      started_at: representTime(snapshot.startedAt),
      finished_at: representTime(snapshot.finishedAt),
      ...representFigures(snapshot.figures),
      repositories_count: snapshot.repositories.length,
      garbage_collector: snapshot.garbageCollector,
      configs_pending: snapshot.configsPending,
      gaps_count: snapshot.gaps.length,
      stale_repositories_count: countStale(snapshot),
      kinds: snapshot.kinds.map(({ kind, tagsCount, bytes }) => ({ kind, tags_count: tagsCount, bytes })),
    },
    members: membersOf(snapshot.repositories),
    links: (items) => ({
      ...items,
      namespaces: { href: links.namespaces() },
      all_tags: { href: links.allTags() },
      blobs: { href: links.blobs() },
      gaps: { href: links.gaps() },
    }),
    linkTo: ({ name }) => ({ href: links.repository(name), title: name }),
    represent: (one) => representRepository(one, below),
    embedsEmptyList: true,
  });
}
