/* The tree: registry, namespaces, repositories, tags. What a noun is embedded in stands behind it. */

import { z } from 'zod';
import {
  complete,
  count,
  digest,
  figures,
  itemLinks,
  itemsOf,
  kind,
  type Lazily,
  link,
  pageLinks,
  pageState,
  snapshotId,
  staleSince,
  text,
  time,
  timestamp,
} from './schema-parts.ts';

export const nothingYet = z
  .strictObject({ timestamp: z.null(), complete: z.literal(false) })
  .describe('A collection before the first snapshot.');
export type NothingYet = z.output<typeof nothingYet>;

const tagState = {
  name: text('The name of the tag.'),
  ...figures,
  status: z
    .enum(['ok', 'incomplete', 'broken', 'unsupported'])
    .describe('incomplete: something that it names is not stored; broken: without a readable manifest.'),
  digest: digest('What the tag points at.').nullable(),
  media_type: text('Its media type; null where nobody names one.').nullable(),
  kind: kind.nullable(),
  subject: digest('Of an accessory: what it belongs to.').optional(),
  platforms: z.array(z.string()).nullable().describe('Such as linux/amd64; null is unknown.'),
  created_at: time('When it was created, as its config says; null where nobody tells.').nullable(),
  last_pulled_at: time('When it was last pulled, as far as the registry has told.').nullable(),
  layers_count: count('Distinct layers; null is unknown.').nullable(),
  _links: z.strictObject({ self: link, collection: link, blobs: link.optional() }).optional(),
};

export const tag = z.strictObject(tagState).describe('A tag.');
export type Tag = Lazily<z.output<typeof tag>>;

export const holder = z
  .strictObject({ repository: text('The name of its repository.'), ...tagState })
  .describe('A tag with its repository, where tags of several are listed.');
export type Holder = Lazily<z.output<typeof holder>>;

export const tags = z
  .strictObject({
    complete,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, up: link, ...itemLinks }).optional(),
    _embedded: itemsOf(tag),
  })
  .describe('The tags of a repository.');
export type Tags = Lazily<z.output<typeof tags>>;

export const allTags = z
  .strictObject({
    timestamp,
    snapshot: snapshotId,
    tags_count: count('Tags of the whole registry.'),
    complete,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, up: link, ...itemLinks }).optional(),
    _embedded: itemsOf(holder),
  })
  .describe('The tags of all repositories.');
export type AllTags = Lazily<z.output<typeof allTags>>;

export const repository = z
  .strictObject({
    name: text('The whole name of the repository.'),
    ...figures,
    stale_since: staleSince,
    _links: z
      .strictObject({ self: link, collection: link, related: link, namespace: link.optional() })
      .optional()
      .describe('related: its tags.'),
    _embedded: z.strictObject({ related: tags }).optional(),
  })
  .describe('A repository.');
export type Repository = Lazily<z.output<typeof repository>>;

export const repositoryLine = z
  .strictObject({ relation: z.literal('child_repositories'), ...repository.shape })
  .omit({ _embedded: true })
  .describe('A repository right below a namespace, on a line of its own.');
export type RepositoryLine = Lazily<z.output<typeof repositoryLine>>;

const kindFigures = z.strictObject({
  kind,
  tags_count: count('Tags of that kind.'),
  bytes: count('Bytes of the blobs that count to it. The kinds add up to deduplicated_bytes.'),
});

export const repositories = z
  .strictObject({
    timestamp,
    snapshot: snapshotId,
    started_at: time('When the collection began.'),
    finished_at: time('When it finished.'),
    ...figures,
    repositories_count: count('Repositories of the registry.'),
    gaps_count: count('How much the last collection could not read.'),
    stale_repositories_count: count('Repositories with figures of an earlier collection.'),
    kinds: z.array(kindFigures),
    ...pageState,
    _links: z
      .strictObject({ ...pageLinks, ...itemLinks, namespaces: link, all_tags: link, blobs: link, gaps: link })
      .optional(),
    _embedded: itemsOf(repository),
  })
  .describe('The whole registry, and its repositories.');
export type Repositories = Lazily<z.output<typeof repositories>>;

const insideState = {
  ...figures,
  namespaces_count: count('Namespaces right below.'),
  repositories_count: count('Repositories right below.'),
  ...pageState,
};
const insideLinks = {
  child_namespaces: z.array(link).optional(),
  child_repositories: z.array(link).optional(),
};

const namespaceState = {
  name: text('The whole path of the namespace.'),
  ...insideState,
  _links: z.strictObject({ ...pageLinks, collection: link, up: link, ...insideLinks }).optional(),
};

export const namespaceLine = z
  .strictObject({ relation: z.literal('child_namespaces'), ...namespaceState })
  .describe('A namespace right below another one, on a line of its own.');
export type NamespaceLine = Lazily<z.output<typeof namespaceLine>>;

export const namespace = z
  .strictObject({
    ...namespaceState,
    get _embedded() {
      return inside.optional();
    },
  })
  .describe('A GitLab group or project, or whatever else names go on from.');

export const inside = z
  .strictObject({
    get child_namespaces() {
      return z.array(namespace).optional();
    },
    child_repositories: z.array(repository).optional(),
  })
  .describe('What is right below.');

export const namespaces = z
  .strictObject({
    timestamp,
    ...insideState,
    _links: z.strictObject({ ...pageLinks, ...insideLinks }).optional(),
    _embedded: inside.optional(),
  })
  .describe('The top of the tree: the whole registry, the namespaces at the top, and what is in none.');

export type Inside = Lazily<z.output<typeof inside>>;
export type Namespace = Lazily<z.output<typeof namespace>>;
export type Namespaces = Lazily<z.output<typeof namespaces>>;
