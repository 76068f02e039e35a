import type { RepositoryUsage, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { blobsOfTag, type TagBlob } from '../../domain/usage/blob-usage.ts';
import type { Resumable } from '../../lib/resumable.ts';
import { type Members, preparedMembers, representList, type View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type TagBlobOfList, type TagBlobs, tagBlob, tagBlobs } from '../schemas/blobs.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import { BLOB_COLUMNS, representBlobOfList } from './blobs.ts';
import { describeCollection } from './descriptor.ts';
import { blobOrders } from './orders.ts';

/** `GET /repositories/{repository}/tags/{tag}/blobs`: level by level, from the manifest down. */
export const TAG_BLOBS = describeCollection<TagBlob>({
  path: PATHS.tagBlobs,
  relation: 'tag_blobs',
  operation: { id: 'listTagBlobs', section: 'blobs', summary: 'The blobs of a tag' },
  schema: { name: 'TagBlobs', schema: tagBlobs },
  memberSchemas: [{ name: 'TagBlob', schema: tagBlob }],
  columns: ['platforms', ...BLOB_COLUMNS],
  orders: blobOrders(({ snapshot }) => {
    const { digests } = snapshot.contents.graph;
    return ({ digest }) => digests.nodeOf(digest) ?? 0;
  }),
  nameOf: ({ digest }) => digest,
  find([repositoryName = '', tagName = ''], context) {
    const repository = context.index.repository(repositoryName);
    const tag = repository && context.index.tag(repository, tagName);
    if (repository === undefined || tag === undefined) return undefined;
    const { members, prepare } = preparedMembers(() => membersOf(repository, tag, context.index));
    return {
      members,
      prepare,
      represent: (view) => representTagBlobs({ repository, tag, members }, view, context),
      representLine: (one) => representTagBlob(one, context),
    };
  },
});

function* membersOf(
  repository: RepositoryUsage,
  tag: TagFigures,
  { snapshot, positionOf }: SnapshotIndex,
): Resumable<readonly TagBlob[]> {
  return yield* blobsOfTag(snapshot.contents, positionOf(repository, tag));
}

interface BlobsOfTag {
  readonly repository: RepositoryUsage;
  readonly tag: TagFigures;
  readonly members: Members<TagBlob>;
}

function representTagBlobs(
  { repository, tag, members }: BlobsOfTag,
  view: View,
  context: RepresentationContext,
): TagBlobs {
  const { links } = context;
  return representList(view, context, {
    state: {
      blobs_count: tag.manifest === null ? null : members.length,
      deduplicated_bytes: tag.deduplicatedBytes,
      complete: tag.isComplete,
    },
    members,
    links: (items) => ({ up: { href: links.tag(repository.name, tag.name) }, ...items }),
    linkTo: ({ digest }) => ({ href: links.blob(digest), title: digest }),
    represent: (one) => representTagBlob(one, context),
  });
}

function representTagBlob(one: TagBlob, context: RepresentationContext): TagBlobOfList {
  return { platforms: one.platforms, ...representBlobOfList(one, context) };
}
