import { blobUsage } from '../../domain/usage/blob-usage.ts';
import type { Members, View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Blob, blob } from '../schemas/blobs.ts';
import {
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
    const members = tagsReaching(node, context);
    return {
      members,
      represent: (view) => representBlob(node, members, view, context),
      representLine: (one) => representTagOfRepository(one, context),
    };
  },
});

/** Most tags may reach the layer of a base image, so they are looked up only if a response contains them. */
function tagsReaching(node: number, { index, keep }: CollectionContext): Members<TagInRepository> {
  const positions = (): Uint32Array =>
    keep(`tags reaching ${node}`, () => Uint32Array.from(index.blobs.tagsReaching(node)));
  const tagAt = (position: number | undefined) => (position === undefined ? undefined : index.tagAt(position));
  return {
    get length() {
      return positions().length;
    },
    at: (place) => tagAt(positions()[place]),
    *[Symbol.iterator]() {
      for (const position of positions()) yield index.tagAt(position) as TagInRepository;
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
