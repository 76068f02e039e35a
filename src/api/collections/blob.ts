import { blobUsage } from '../../domain/usage/blob-usage.ts';
import type { Resumable } from '../../lib/resumable.ts';
import { type Members, preparedMembers, type View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Blob, blob } from '../schemas/blobs.ts';
import {
  partsOfTag,
  representTagOfRepository,
  representTagsOfRepositories,
  TAGS_OF_REPOSITORIES,
  type TagInRepository,
} from './all-tags.ts';
import { representBlobState } from './blobs.ts';
import { type CollectionContext, describeCollection } from './descriptor.ts';

/** `GET /blobs/{digest}`: the list of the tags that reach it. */
export const BLOB = describeCollection<TagInRepository>({
  path: PATHS.blob,
  relation: 'blob',
  operation: { id: 'getBlob', section: 'blobs', summary: 'A blob and the tags that reach it' },
  schema: { name: 'Blob', schema: blob },
  ...TAGS_OF_REPOSITORIES,
  find([digest = ''], context) {
    const node = context.index.blobs.node(digest);
    if (node === undefined) return undefined;
    const positions = preparedMembers(() => tagsReaching(node, context));
    const members = tagsAt(positions.members, context);
    return {
      members,
      partsOf: partsOfTag,
      // Most tags may reach the layer of a base image, so they are looked up only if a response contains them.
      *prepare(showsMembers) {
        if (showsMembers) yield* positions.prepare();
      },
      represent: (view) => representBlob(node, members, view, context),
      representLine: (one) => representTagOfRepository(one, context),
    };
  },
});

function tagsReaching(node: number, { index, keep }: CollectionContext): Resumable<Uint32Array> {
  return keep(`tags reaching ${node}`, () => index.blobs.tagsReaching(node));
}

function tagsAt(positions: Members<number>, { index }: CollectionContext): Members<TagInRepository> {
  const tagAt = (position: number | undefined) => (position === undefined ? undefined : index.tagAt(position));
  return {
    get length() {
      return positions.length;
    },
    at: (place) => tagAt(positions.at(place)),
    *[Symbol.iterator]() {
      for (const position of positions) yield index.tagAt(position) as TagInRepository;
    },
  };
}

function representBlob(
  node: number,
  members: Members<TagInRepository>,
  view: View,
  context: RepresentationContext,
): Blob {
  const { index, links } = context;
  return representTagsOfRepositories(members, view, context, {
    state: representBlobState(blobUsage(index.snapshot.contents, node), index),
    links: { collection: { href: links.blobs() } },
  });
}
