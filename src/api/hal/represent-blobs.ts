import { type BlobUsage, blobUsage, type TagBlob } from '../../domain/usage/blob-usage.ts';
import { lazyArrayOf } from '../../http/bodies/json-stream.ts';
import { items, membersIn, type View } from '../collections/collection.ts';
import type { CollectionContext } from '../collections/tree.ts';
import type { Blob, BlobOfList, BlobState, Blobs, TagBlobOfList, TagBlobs } from '../schemas/blobs.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import type { Resource } from '../snapshot/resolve-path.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { Links } from './links.ts';
import { representHolders, type TagOfRepository } from './representations.ts';

/** What a tag is made of. */
export function representTagBlobs(
  { repository, tag }: Extract<Resource, { kind: 'blobs' }>,
  blobs: readonly TagBlob[],
  view: View,
  { index, wants, links }: CollectionContext,
): TagBlobs {
  const shown = membersIn(view, blobs, (position) => blobs[position] as TagBlob);
  return {
    blobs_count: tag.manifest === null ? null : blobs.length,
    deduplicated_bytes: tag.deduplicatedBytes,
    complete: tag.isComplete,
    ...view.state,
    ...(wants.links && {
      _links: {
        ...view.links,
        up: { href: links.tag(repository.name, tag.name) },
        ...items(shown, ({ digest }) => ({ href: links.blob(digest), title: digest })),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: items(shown, (blob) => representTagBlob(blob, index, wants, links)),
    }),
  };
}

/** Of all blobs, those of the view. */
export function representBlobs(nodes: Uint32Array, view: View, { index, wants, links }: CollectionContext): Blobs {
  const { contents, figures, finishedAt } = index.snapshot;
  const shown = membersIn(view, nodes, (position) => nodes[position] ?? 0);
  const blobs = lazyArrayOf(shown, (node) => blobUsage(contents, node));
  return {
    timestamp: finishedAt / 1000,
    blobs_count: nodes.length,
    deduplicated_bytes: figures.deduplicatedBytes,
    complete: figures.isComplete,
    ...view.state,
    ...(wants.links && {
      _links: { ...view.links, ...items(blobs, ({ digest }) => ({ href: links.blob(digest), title: digest })) },
    }),
    ...(wants.embed > 0 && { _embedded: items(blobs, (blob) => representBlobOfList(blob, index, wants, links)) }),
  };
}

/** One blob, and the tags that reach it: a base image's layer may be in most tags, and they are looked for only where they are wanted. */
export function representBlob(
  node: number,
  holders: () => Uint32Array,
  view: View,
  { index, wants, links }: CollectionContext,
): Blob {
  const blob = blobUsage(index.snapshot.contents, node);
  const isWanted = wants.links || wants.embed > 0;
  const positions = isWanted ? membersIn(view, holders(), (at) => holders()[at] ?? 0) : [];
  const shown = lazyArrayOf(positions, (position) => index.tagAt(position) as TagOfRepository);
  return {
    ...representBlobState(blob, index),
    ...view.state,
    ...representHolders(shown, view, { collection: { href: links.blobs() } }, wants, links),
  };
}

export function representTagBlob(
  blob: TagBlob,
  index: SnapshotIndex,
  wants: EmbedOptions,
  links: Links,
): TagBlobOfList {
  return { platforms: blob.platforms, ...representBlobOfList(blob, index, wants, links) };
}

export function representBlobOfList(
  blob: BlobUsage,
  index: SnapshotIndex,
  wants: EmbedOptions,
  links: Links,
): BlobOfList {
  const _links = { self: { href: links.blob(blob.digest) }, collection: { href: links.blobs() } };
  return { ...representBlobState(blob, index), ...(wants.links && { _links }) };
}

/** Who else has a blob is a question to the whole registry: any tag that could not be read may be one of them. */
function representBlobState(blob: BlobUsage, { snapshot }: SnapshotIndex): BlobState {
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
