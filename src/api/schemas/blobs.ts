import { z } from 'zod';
import {
  blobKind,
  bytes,
  complete,
  count,
  digest,
  itemLinks,
  itemsOf,
  type Lazily,
  link,
  pageLinks,
  pageState,
  text,
  timestamp,
} from './schema-parts.ts';
import { tagOfRepository } from './tree.ts';

const blobState = {
  digest: digest('The digest of the blob.'),
  kind: blobKind,
  media_type: text('The media type that manifests give it; null if they give none.').nullable(),
  bytes: bytes('The size of the blob as stored, compressed.'),
  shared: z.boolean().describe('True if more than one tag reaches the blob.'),
  tags_count: count('The number of tags that reach the blob.'),
  repositories_count: count('The number of repositories with such a tag.'),
  complete,
};
export type BlobState = Lazily<z.output<z.ZodObject<typeof blobState>>>;

const ownLinks = z.strictObject({ self: link, collection: link }).optional();

export const blobOfList = z
  .strictObject({ ...blobState, _links: ownLinks })
  .describe('A layer, a config, a manifest or an index.');
export type BlobOfList = Lazily<z.output<typeof blobOfList>>;

export const tagBlob = z
  .strictObject({
    platforms: z.array(z.string()).describe('The platforms whose images contain the blob.'),
    ...blobState,
    _links: ownLinks,
  })
  .describe('A blob of a tag.');
export type TagBlobOfList = Lazily<z.output<typeof tagBlob>>;

const blobsCount = count('The number of blobs of the tag; null if it is unknown.').nullable();

export const tagBlobs = z
  .strictObject({
    blobs_count: blobsCount,
    deduplicated_bytes: bytes('The size of all blobs together.'),
    complete,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, up: link, ...itemLinks }).optional(),
    _embedded: itemsOf(tagBlob),
  })
  .describe('The blobs of a tag.');
export type TagBlobs = Lazily<z.output<typeof tagBlobs>>;

export const blobs = z
  .strictObject({
    timestamp,
    blobs_count: count('The number of blobs that tags reach.'),
    deduplicated_bytes: bytes('The size of all blobs together.'),
    complete,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, ...itemLinks }).optional(),
    _embedded: itemsOf(blobOfList),
  })
  .describe('All blobs that tags reach.');
export type Blobs = Lazily<z.output<typeof blobs>>;

export const blob = z
  .strictObject({
    ...blobState,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, collection: link, ...itemLinks }).optional(),
    _embedded: itemsOf(tagOfRepository),
  })
  .describe('A blob and the tags that reach it.');
export type Blob = Lazily<z.output<typeof blob>>;
