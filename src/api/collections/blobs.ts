import type { Order } from '../../domain/order.ts';
import type { Contents } from '../../domain/snapshot/snapshot.ts';
import { blobsBelow, blobUsage } from '../../domain/usage/blob-usage.ts';
import {
  representBlob,
  representBlobOfList,
  representBlobs,
  representTagBlob,
  representTagBlobs,
} from '../hal/represent-blobs.ts';
import type { TagOfRepository } from '../hal/representations.ts';
import type { Resource } from '../snapshot/resolve-path.ts';
import type { Collection } from './collection.ts';
import { BLOB_COLUMNS, TAG_BLOB_COLUMNS } from './csv-columns.ts';
import type { Selections } from './sort-and-filter.ts';
import { type CollectionContext, numbers, ofTagsAt, sure } from './tree.ts';

const BLOBS_PER_PAGE = 100;

/** All blobs that tags reach, the largest first. */
export function listBlobs(listed: CollectionContext): Collection {
  const { index, wants, links } = listed;
  const { contents } = index.snapshot;
  const nodes = index.blobs.largestFirst();
  const nodeAt = (position: number): number => sure(nodes[position]);
  return {
    href: links.blobs(),
    length: nodes.length,
    nameAt: (position) => contents.graph.digests.at(nodeAt(position)),
    ownOrder: 'bytes',
    orders: blobOrders(contents, nodeAt),
    perPage: BLOBS_PER_PAGE,
    columns: BLOB_COLUMNS,
    memberAt: (position) => representBlobOfList(blobUsage(contents, nodeAt(position)), index, wants, links),
    represent: (view) => representBlobs(nodes, view, listed),
  };
}

/** What a tag is made of, level by level. */
export function listTagBlobs(resource: Extract<Resource, { kind: 'blobs' }>, listed: CollectionContext): Collection {
  const { index, wants, links } = listed;
  const { repository, tag } = resource;
  const { contents } = index.snapshot;
  const root = tag.manifest === null ? undefined : index.blobs.node(tag.manifest.digest);
  const blobs = root === undefined ? [] : blobsBelow(contents, root);
  const at = (position: number) => sure(blobs[position]);
  const nodeAt = (position: number): number => contents.graph.digests.nodeOf(at(position).digest) ?? 0;
  return {
    href: links.tagBlobs(repository.name, tag.name),
    length: blobs.length,
    nameAt: (position) => at(position).digest,
    ownOrder: undefined,
    orders: blobOrders(contents, nodeAt),
    perPage: undefined,
    columns: TAG_BLOB_COLUMNS,
    memberAt: (position) => representTagBlob(at(position), index, wants, links),
    represent: (view) => representTagBlobs(resource, blobs, view, listed),
  };
}

/** The tags that reach a blob. */
export function listHolders(node: number, listed: CollectionContext, { keep }: Pick<Selections, 'keep'>): Collection {
  const { index, wants, links } = listed;
  const href = links.blob(index.snapshot.contents.graph.digests.at(node));
  const holders = (): Uint32Array => keep(`holders ${node}`, () => Uint32Array.from(index.blobs.tagsReaching(node)));
  const at = (position: number): TagOfRepository => sure(index.tagAt(sure(holders()[position])));
  return {
    href,
    get length() {
      return holders().length;
    },
    ...ofTagsAt(at, wants, links),
    perPage: undefined,
    represent: (view) => representBlob(node, holders, view, listed),
  };
}

/** Where no order is asked for, the positions have their own. */
function blobOrders({ graph, usage }: Contents, nodeAt: (position: number) => number): Readonly<Record<string, Order>> {
  return {
    digest: { kind: 'text', compare: (a, b) => graph.digests.compare(nodeAt(a), nodeAt(b)) },
    bytes: numbers((position) => {
      const bytes = graph.bytes[nodeAt(position)] ?? Number.NaN;
      return Number.isNaN(bytes) ? null : bytes;
    }),
    tags_count: numbers((position) => usage.tagsReaching[nodeAt(position)]),
    repositories_count: numbers((position) => usage.repositoriesReaching[nodeAt(position)]),
  };
}
