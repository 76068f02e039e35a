/* The values of `order_by` that several collections have. */

import { BY_POSITION } from '../../domain/order.ts';
import type { Figures, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { sharedBytes } from '../../domain/usage/figures.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { MemberOrder } from './descriptor.ts';

type Orders<M> = Readonly<Record<string, MemberOrder<M>>>;

/** For lists whose own order is by name. */
export const BY_NAME: Orders<unknown> = { name: BY_POSITION };

export function byNumber<M>(read: (member: M, index: SnapshotIndex) => number | null | undefined): MemberOrder<M> {
  return { kind: 'number', read: (member, index) => read(member, index) ?? null };
}

/** @param figuresOf returns the figures of a member */
export function figureOrders<M>(figuresOf: (member: M) => Figures): Orders<M> {
  return {
    size: byNumber((member) => figuresOf(member).sizeBytes),
    disk_size: byNumber((member) => figuresOf(member).diskSizeBytes),
    deduplicated_bytes: byNumber((member) => figuresOf(member).deduplicatedBytes),
    reclaimable_bytes: byNumber((member) => figuresOf(member).reclaimableBytes),
    shared_bytes: byNumber((member) => sharedBytes(figuresOf(member))),
    metadata_bytes: byNumber((member) => figuresOf(member).metadataBytes),
    tags_count: byNumber((member) => figuresOf(member).tagsCount),
  };
}

/** @param tagOf returns the tag that a member is */
export function tagOrders<M>(tagOf: (member: M) => TagFigures): Orders<M> {
  return {
    ...figureOrders(tagOf),
    created_at: byNumber((member) => tagOf(member).manifest?.createdAt),
    last_pulled_at: byNumber((member) => tagOf(member).lastPulledAt),
    layers_count: byNumber((member) => tagOf(member).manifest?.layersCount),
  };
}

/** @param nodeOf returns the node of the blob that a member is */
export function blobOrders<M>(nodeOf: (member: M, index: SnapshotIndex) => number): Orders<M> {
  return {
    digest: {
      kind: 'text',
      compare: (a, b, index) => index.snapshot.contents.graph.digests.compare(nodeOf(a, index), nodeOf(b, index)),
    },
    bytes: byNumber((member, index) => {
      const bytes = index.snapshot.contents.graph.bytes[nodeOf(member, index)] ?? Number.NaN;
      return Number.isNaN(bytes) ? null : bytes;
    }),
    tags_count: byNumber((member, index) => index.snapshot.contents.usage.tagsReaching[nodeOf(member, index)]),
    repositories_count: byNumber(
      (member, index) => index.snapshot.contents.usage.repositoriesReaching[nodeOf(member, index)],
    ),
  };
}
