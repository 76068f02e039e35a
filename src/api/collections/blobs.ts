import { type BlobUsage, blobUsage } from '../../domain/usage/blob-usage.ts';
import { type Members, preparedMembers, representList, type View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type BlobOfList, type BlobState, type Blobs, blobOfList, blobs } from '../schemas/blobs.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import { describeCollection } from './descriptor.ts';
import { blobOrders } from './orders.ts';

/** The fields of a blob on a line of its own. */
export const BLOB_COLUMNS: readonly string[] = [
  'digest',
  'kind',
  'media_type',
  'bytes',
  'shared',
  'tags_count',
  'repositories_count',
  'complete',
];

/** `GET /blobs`: the largest first. Its members are nodes of the graph. */
export const BLOBS = describeCollection<number>({
  path: PATHS.blobs,
  relation: 'blobs',
  operation: { id: 'listBlobs', section: 'blobs', summary: 'All blobs that tags reach, largest first' },
  schema: { name: 'Blobs', schema: blobs },
  memberSchemas: [{ name: 'BlobOfList', schema: blobOfList }],
  columns: BLOB_COLUMNS,
  orders: blobOrders(() => (node) => node),
  ownOrder: 'bytes',
  perPage: 100,
  nameOf: (node, { snapshot }) => snapshot.contents.graph.digests.at(node),
  find(_, context) {
    const { index } = context;
    const { members: nodes, prepare } = preparedMembers(() => index.blobs.largestFirst());
    return {
      members: nodes,
      prepare,
      represent: (view) => representBlobs(nodes, view, context),
      representLine: (node) => representBlobOfList(blobUsage(index.snapshot.contents, node), context),
    };
  },
});

function representBlobs(nodes: Members<number>, view: View, context: RepresentationContext): Blobs {
  const { index, links } = context;
  const { contents, figures, finishedAt } = index.snapshot;
  return representList(view, context, {
    state: {
      timestamp: finishedAt / 1000,
      blobs_count: nodes.length,
      deduplicated_bytes: figures.deduplicatedBytes,
      complete: figures.isComplete,
    },
    members: nodes,
    links: (items) => items,
    linkTo(node) {
      const digest = contents.graph.digests.at(node);
      return { href: links.blob(digest), title: digest };
    },
    represent: (node) => representBlobOfList(blobUsage(contents, node), context),
  });
}

export function representBlobOfList(blob: BlobUsage, { index, options, links }: RepresentationContext): BlobOfList {
  const _links = { self: { href: links.blob(blob.digest) }, collection: { href: links.blobs() } };
  return { ...representBlobState(blob, index), ...(options.links && { _links }) };
}

/** `complete` is that of the whole registry: any tag that could not be read may reach the blob too. */
export function representBlobState(blob: BlobUsage, { snapshot }: SnapshotIndex): BlobState {
  const { digest, kind, mediaType, bytes, tagsCount, repositoriesCount } = blob;
  return {
    digest,
    kind,
    media_type: mediaType || null,
    bytes,
    shared: tagsCount > 1,
    tags_count: tagsCount,
    repositories_count: repositoriesCount,
    complete: snapshot.figures.isComplete,
  };
}
