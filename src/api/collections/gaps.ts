import type { NameParts } from '../../domain/search/search.ts';
import type { Gap, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { lazyArrayOf } from '../../http/bodies/json-stream.ts';
import { representFailedRequest } from '../hal/represent-failed-request.ts';
import { representTimeOrNull } from '../hal/represent-figures.ts';
import { membersOf, shownIn, type View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type GapOfList, type Gaps, gap, gaps } from '../schemas/crawl.ts';
import { describeCollection } from './descriptor.ts';
import { BY_NAME } from './orders.ts';

/** `GET /gaps` */
export const GAPS = describeCollection<Gap>({
  path: PATHS.gaps,
  relation: 'gaps',
  operation: { id: 'listGaps', section: 'crawl', summary: 'The gaps: what the last crawl could not read' },
  schema: { name: 'Gaps', schema: gaps },
  memberSchemas: [{ name: 'Gap', schema: gap }],
  columns: [
    'repository',
    'reference',
    'code',
    'reason',
    'stale_since',
    'request_method',
    'request_path',
    'response_status',
    'registry_code',
    'registry_message',
  ],
  orders: BY_NAME,
  ownOrder: 'name',
  nameOf({ repository, reference }) {
    return reference === undefined
      ? (repository ?? '')
      : `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
  },
  find: (_, context) => ({
    members: membersOf(context.index.snapshot.gaps),
    partsOf: partsOfGap,
    represent: (view) => representGaps(context.index.snapshot, view, context),
    representLine: representGap,
  }),
});

function partsOfGap({ repository, reference }: Gap): NameParts | undefined {
  if (repository === null || reference === undefined || reference.includes(':')) return undefined;
  return { repository, tag: reference };
}

/** Gaps have no resources of their own, so they are part of the state. */
function representGaps(
  { finishedAt, figures, gaps: members }: Snapshot,
  view: View,
  { options, links }: RepresentationContext,
): Gaps {
  return {
    timestamp: finishedAt / 1000,
    complete: figures.isComplete,
    gaps_count: members.length,
    ...view.state,
    gaps: lazyArrayOf(shownIn(view, membersOf(members)), representGap),
    ...(options.links && { _links: { ...view.links, up: { href: links.repositories() } } }),
  };
}

function representGap({ repository, reference, code, reason, request, staleSince }: Gap): GapOfList {
  return {
    repository,
    reference: reference ?? null,
    code,
    reason,
    stale_since: representTimeOrNull(staleSince),
    ...representFailedRequest(request),
  };
}
