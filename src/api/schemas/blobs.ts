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
import { holder } from './tree.ts';

const blobState = {
  digest: digest('What names the blob.'),
  kind: blobKind,
  media_type: text('Its media type; null where nobody names one.').nullable(),
  bytes: bytes('As it is stored, compressed.'),
  shared: z.boolean().describe('Whether several tags reach it.'),
  tags_count: count('How many tags reach it.'),
  repositories_count: count('How many repositories they are in.'),
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
    platforms: z.array(z.string()).describe('The platforms whose images hold it.'),
    ...blobState,
    _links: ownLinks,
  })
  .describe('A blob that a tag is made of.');
export type TagBlobOfList = Lazily<z.output<typeof tagBlob>>;

const blobsCount = count('How many there are; null is unknown.').nullable();

export const tagBlobs = z
  .strictObject({
    blobs_count: blobsCount,
    deduplicated_bytes: bytes('All of them.'),
    complete,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, up: link, ...itemLinks }).optional(),
    _embedded: itemsOf(tagBlob),
  })
  .describe('What a tag is made of.');
export type TagBlobs = Lazily<z.output<typeof tagBlobs>>;

export const blobs = z
  .strictObject({
    timestamp,
    blobs_count: count('Blobs that tags reach.'),
    deduplicated_bytes: bytes('All of them.'),
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
    _embedded: itemsOf(holder),
  })
  .describe('A blob, and the tags that reach it.');
export type Blob = Lazily<z.output<typeof blob>>;
