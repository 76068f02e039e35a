/* The parts of the schemas. Schemas give representations their types, and the OpenAPI document is made from them. Objects are strict: a response has
 * no field that its schema does not describe. */

import { z } from 'zod';
import { ENGINES } from '../../domain/usage/garbage-collector.ts';
import type { LazyArray } from '../../http/bodies/json-stream.ts';

/** The type of a representation with this schema. Its lists may be lazy: members are made when they are written. */
export type Lazily<T> = T extends readonly (infer M)[]
  ? readonly Lazily<M>[] | LazyArray<Lazily<M>>
  : T extends object
    ? { readonly [K in keyof T]: Lazily<T[K]> }
    : T;

/** A whole number below 2⁵³, which every JSON parser can read. */
export const count = (description: string) => z.int().min(0).describe(description);
export const bytes = (description: string) =>
  z.int().min(0).nullable().describe(`${description} In bytes; null if it is unknown.`);
/** RFC 3339, in UTC. */
export const time = (description: string) => z.string().meta({ format: 'date-time', description });
export const digest = (description: string) =>
  z.string().meta({ description, pattern: '^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$' });
export const text = (description: string) => z.string().describe(description);

export const complete = z.boolean().describe('True if nothing is missing. Otherwise the figures are lower bounds.');
export const timestamp = z.number().describe('When the crawl finished: seconds since the epoch.');
export const configsPending = count(
  'The number of configs of images that are still being read. Until a snapshot follows that has them, `created_at` of these images is null, and so are `platforms` that no index names. No figure depends on them.',
);
export const snapshotId = text('The id of the snapshot: a value for the parameter `snapshot`.');
export const staleSince = time(
  'If the last crawl could not read the repository, its figures are stale: the time at which they were read. Otherwise null.',
).nullable();

export const garbageCollector = z
  .strictObject({
    engine: z.enum(ENGINES).describe('The garbage collector that the figures are computed for.'),
    reason: text('Why the service assumes this garbage collector, for people.'),
  })
  .describe('The garbage collector that frees the space of deleted tags: reclaimable_bytes depends on it.');

/** The figures that every node of the tree has. */
export const figures = {
  size: bytes('The distinct layers of a tag; for everything above a tag, the sum over its tags.'),
  disk_size: bytes('The layers that are charged to it. Each layer is charged to one tag, so these figures add up.'),
  deduplicated_bytes: bytes('All blobs that it reaches, each counted once.'),
  reclaimable_bytes: bytes(
    'What deleting it alone and running the garbage collector would free. Depends on the garbage collector: see `GET /collection`.',
  ),
  shared_bytes: bytes('The blobs that others keep too: deduplicated_bytes − reclaimable_bytes.'),
  metadata_bytes: bytes('The part of deduplicated_bytes that is not layers of tags.'),
  database_bytes: bytes(
    'The part of deduplicated_bytes that is rows of the database of the registry and not object storage: the manifests, with `gitlab-database`. 0 with every other garbage collector; null if the garbage collector is unknown.',
  ),
  tags_count: count('The number of tags; 1 for a tag.'),
  complete,
};

const manifestKinds = z.enum(['image', 'index', 'build-cache', 'attestation', 'accessory']);
const artifact = z.templateLiteral(['artifact:', z.string()]);
export const kind = z.union([manifestKinds, artifact]).describe('The kind of the manifest.');
export const blobKind = z
  .union([z.enum([...manifestKinds.options, 'manifest', 'layer', 'config']), artifact])
  .describe('The kind of the blob.');

const href = text('A path on this server, with its query.');
export const link = z.strictObject({ href, title: z.string().optional() }).describe('A link (HAL).');
export type Link = Readonly<z.output<typeof link>>;
export const template = z
  .strictObject({ href: text('A URI template (RFC 6570).'), templated: z.literal(true) })
  .describe('A link with a URI template (HAL).');

/** The place of a page in its collection. A response has all of these fields, or none if it shows the whole collection. */
export const pageState = {
  page: z.int().min(1).optional().describe('The number of this page.'),
  per_page: z.int().min(1).optional().describe('The number of members on a page.'),
  total: z
    .int()
    .min(0)
    .optional()
    .describe('The number of members on all pages; with `search`, of those that were found.'),
  total_pages: z.int().min(1).optional().describe('The number of pages.'),
};
export type PageState = z.output<z.ZodObject<typeof pageState>>;

/** The links of every collection. A collection that is embedded in another resource has no `search`. */
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
/** A relation without targets is left out. */
export const itemsOf = <T extends z.ZodType>(member: T) =>
  z.strictObject({ items: z.array(member).optional() }).optional();
