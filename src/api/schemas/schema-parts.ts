/* What representations are made of, described once: docs, types and the OpenAPI document come from here. Objects are strict: a member that is
 * not described does not come. */

import { z } from 'zod';
import type { LazyArray } from '../../http/bodies/json-stream.ts';

/** A representation as it is built: what its schema describes, but lists may make their members as they are read. */
export type Lazily<T> = T extends readonly (infer M)[]
  ? readonly Lazily<M>[] | LazyArray<Lazily<M>>
  : T extends object
    ? { readonly [K in keyof T]: Lazily<T[K]> }
    : T;

/** Whole, and small enough for every JSON parser (below 2⁵³). */
export const count = (description: string) => z.int().min(0).describe(description);
export const bytes = (description: string) =>
  z.int().min(0).nullable().describe(`${description} In bytes; null is unknown.`);
/** RFC 3339, in UTC. */
export const time = (description: string) => z.string().meta({ format: 'date-time', description });
export const digest = (description: string) =>
  z.string().meta({ description, pattern: '^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$' });
export const text = (description: string) => z.string().describe(description);

export const complete = z.boolean().describe('Whether the figures miss nothing. Where they do, they are lower bounds.');
export const timestamp = z.number().describe('When the crawl finished: seconds since the epoch.');
export const snapshotId = text('The id of the snapshot, for the parameter `snapshot`.');
export const staleSince = time(
  'Of figures of an earlier collection, since the last one could not read the repository: when they were read. Else null.',
).nullable();

/** The figures that every node of the tree has. */
export const figures = {
  size: bytes('A tag: its distinct layers. Above: the sum over its tags.'),
  disk_size: bytes('The layers that are charged to it: each to one tag, so that this adds up.'),
  deduplicated_bytes: bytes('Every blob that can be reached from here, once.'),
  reclaimable_bytes: bytes('What is freed if exactly this is deleted and garbage is collected.'),
  shared_bytes: bytes('The others: deduplicated_bytes − reclaimable_bytes.'),
  metadata_bytes: bytes('The part of deduplicated_bytes that is no layer.'),
  tags_count: count('Tags, at and below.'),
  complete,
};

const manifestKinds = z.enum(['image', 'index', 'build-cache', 'attestation', 'accessory']);
const artifact = z.templateLiteral(['artifact:', z.string()]);
export const kind = z.union([manifestKinds, artifact]).describe('What a manifest is for.');
export const blobKind = z
  .union([z.enum([...manifestKinds.options, 'manifest', 'layer', 'config']), artifact])
  .describe('What a blob is: of a manifest, what it is for.');

const href = text('A path with its query, of this server.');
export const link = z.strictObject({ href, title: z.string().optional() }).describe('A link (HAL).');
export type Link = Readonly<z.output<typeof link>>;
export const template = z
  .strictObject({ href: text('A URI template (RFC 6570).'), templated: z.literal(true) })
  .describe('A link whose URL has to be filled in.');

/** Where the page of a collection is. All of them are there, or none: where everything comes at once. */
export const pageState = {
  page: z.int().min(1).optional().describe('Which page it is.'),
  per_page: z.int().min(1).optional().describe('How many members a page has.'),
  total: z.int().min(0).optional().describe('How many members there are: with `search`, of those that were found.'),
  total_pages: z.int().min(1).optional().describe('How many pages there are.'),
};
export type PageState = z.output<z.ZodObject<typeof pageState>>;

/** What every collection links to. `search` is not there where the collection is embedded in something else. */
export const pageLinks = {
  self: link,
  first: link.optional(),
  prev: link.optional(),
  next: link.optional(),
  last: link.optional(),
  search: template.optional(),
};
export type PageLinks = z.output<z.ZodObject<typeof pageLinks>>;

export const itemLinks = { items: z.array(link).optional() };
/** What is not there is left out, and so is a relation with nothing to point at. */
export const itemsOf = <T extends z.ZodType>(member: T) =>
  z.strictObject({ items: z.array(member).optional() }).optional();
