/* The values of `order_by` that several collections have. */

import { BY_POSITION } from '../../domain/order.ts';
import type { Figures, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { sharedBytes } from '../../domain/usage/figures.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { MemberOrder } from './descriptor.ts';

type Orders<M> = Readonly<Record<string, MemberOrder<M>>>;

/** For lists whose own order is by name. */
export const BY_NAME: Orders<unknown> = { name: BY_POSITION };

export function byNumber<M>(read: (member: M) => number | null | undefined): MemberOrder<M> {
  return { kind: 'number', valuesIn: () => (member) => read(member) ?? null };
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
    database_bytes: byNumber((member) => figuresOf(member).databaseBytes),
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

/** @param nodesIn returns a function that returns the node of the blob that a member is */
export function blobOrders<M>(nodesIn: (index: SnapshotIndex) => (member: M) => number): Orders<M> {
  const byCount = (count: 'tagsReaching' | 'repositoriesReaching'): MemberOrder<M> => ({
    kind: 'number',
    valuesIn(index) {
      const nodeOf = nodesIn(index);
      const counts = index.snapshot.contents.usage[count];
      return (member) => counts[nodeOf(member)] ?? null;
    },
  });
  return {
    digest: {
      kind: 'text',
      compareIn(index) {
        const nodeOf = nodesIn(index);
        const { digests } = index.snapshot.contents.graph;
        return (a, b) => digests.compare(nodeOf(a), nodeOf(b));
      },
    },
    bytes: {
      kind: 'number',
      valuesIn(index) {
        const nodeOf = nodesIn(index);
        const { bytes } = index.snapshot.contents.graph;
        return (member) => numberOrNull(bytes[nodeOf(member)]);
      },
    },
    tags_count: byCount('tagsReaching'),
    repositories_count: byCount('repositoriesReaching'),
  };
}

/** In the graph, NaN is an unknown size. */
function numberOrNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
