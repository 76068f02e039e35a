/* The tree of registry, namespaces, repositories and tags. A schema that others embed comes before them. */

import { z } from 'zod';
import {
  complete,
  configsPending,
  count,
  digest,
  figures,
  garbageCollector,
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
  .strictObject({
    timestamp: z.null(),
    complete: z.literal(false),
    _embedded: z.strictObject({ items: z.array(z.never()) }).optional(),
  })
  .describe('A collection before the first snapshot.');
export type NothingYet = z.output<typeof nothingYet>;

const tagState = {
  name: text('The name of the tag.'),
  ...figures,
  status: z
    .enum(['ok', 'incomplete', 'broken', 'unsupported'])
    .describe(
      '`incomplete`: something that the tag refers to is not stored. `broken`: its manifest is missing or not readable. `unsupported`: the format is unknown.',
    ),
  digest: digest('The digest of the manifest that the tag points at.').nullable(),
  media_type: text('The media type of the manifest; null if it is unknown.').nullable(),
  kind: kind.nullable(),
  subject: digest('For an accessory, the manifest that it belongs to.').optional(),
  platforms: z.array(z.string()).nullable().describe('The platforms, such as linux/amd64; null if they are unknown.'),
  created_at: time('The creation time from the config; null if there is none.').nullable(),
  last_pulled_at: time(
    'The time of the last pull that the registry has sent a notification of; null if there was none.',
  ).nullable(),
  layers_count: count('The number of distinct layers; null if it is unknown.').nullable(),
  tag_created_at: time(
    'When the tag itself was first pushed, or imported into the database of GitLab; null if the registry does not state it.',
  ).nullable(),
  tag_updated_at: time(
    'When the tag was last pushed with another manifest; null if that never happened, or the registry does not state it.',
  ).nullable(),
  published_at: time(
    'When the tag was last pushed: tag_updated_at, or else tag_created_at; null if the registry does not state it.',
  ).nullable(),
  _links: z.strictObject({ self: link, collection: link, blobs: link.optional() }).optional(),
};

export const tag = z.strictObject(tagState).describe('A tag.');
export type Tag = Lazily<z.output<typeof tag>>;

export const tagOfRepository = z
  .strictObject({ repository: text('The name of the repository.'), ...tagState })
  .describe('A tag with its repository, in a list of tags of several repositories.');
export type TagOfRepository = Lazily<z.output<typeof tagOfRepository>>;

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
    tags_count: count('The number of tags of the registry.'),
    complete,
    ...pageState,
    _links: z.strictObject({ ...pageLinks, up: link, ...itemLinks }).optional(),
    _embedded: itemsOf(tagOfRepository),
  })
  .describe('The tags of all repositories.');
export type AllTags = Lazily<z.output<typeof allTags>>;

export const repository = z
  .strictObject({
    name: text('The full name of the repository.'),
    ...figures,
    stale_since: staleSince,
    _links: z
      .strictObject({ self: link, collection: link, related: link, namespace: link.optional() })
      .optional()
      .describe('`related` is the list of its tags.'),
    _embedded: z.strictObject({ related: tags }).optional(),
  })
  .describe('A repository.');
export type Repository = Lazily<z.output<typeof repository>>;

export const repositoryLine = z
  .strictObject({ relation: z.literal('child_repositories'), ...repository.shape })
  .omit({ _embedded: true })
  .describe('A repository directly below a namespace, on a line of its own.');
export type RepositoryLine = Lazily<z.output<typeof repositoryLine>>;

const kindFigures = z.strictObject({
  kind,
  tags_count: count('The number of tags of this kind.'),
  bytes: count(
    'The bytes of the blobs that are charged to this kind. All kinds together add up to deduplicated_bytes.',
  ),
});

export const repositories = z
  .strictObject({
    timestamp,
    snapshot: snapshotId,
    started_at: time('When the crawl started.'),
    finished_at: time('When the crawl finished.'),
    ...figures,
    repositories_count: count('The number of repositories of the registry.'),
    garbage_collector: garbageCollector,
    configs_pending: configsPending,
    gaps_count: count('The number of gaps.'),
    stale_repositories_count: count('The number of repositories with figures from an earlier crawl.'),
    kinds: z.array(kindFigures),
    ...pageState,
    _links: z
      .strictObject({ ...pageLinks, ...itemLinks, namespaces: link, all_tags: link, blobs: link, gaps: link })
      .optional(),
    _embedded: itemsOf(repository),
  })
  .describe('The whole registry and its repositories.');
export type Repositories = Lazily<z.output<typeof repositories>>;

const childrenState = {
  ...figures,
  namespaces_count: count('The number of namespaces directly below.'),
  repositories_count: count('The number of repositories directly below.'),
  ...pageState,
};
const childrenLinks = {
  child_namespaces: z.array(link).optional(),
  child_repositories: z.array(link).optional(),
};

const namespaceState = {
  name: text('The full path of the namespace.'),
  ...childrenState,
  _links: z.strictObject({ ...pageLinks, collection: link, up: link, ...childrenLinks }).optional(),
};

export const namespaceLine = z
  .strictObject({ relation: z.literal('child_namespaces'), ...namespaceState })
  .describe('A namespace directly below another one, on a line of its own.');
export type NamespaceLine = Lazily<z.output<typeof namespaceLine>>;

export const namespace = z
  .strictObject({
    ...namespaceState,
    get _embedded() {
      return children.optional();
    },
  })
  .describe('A namespace: the part of repository names before a `/`, such as a GitLab group.');

export const children = z
  .strictObject({
    get child_namespaces() {
      return z.array(namespace).optional();
    },
    child_repositories: z.array(repository).optional(),
  })
  .describe('The namespaces and repositories directly below.');

export const namespaces = z
  .strictObject({
    timestamp,
    ...childrenState,
    _links: z.strictObject({ ...pageLinks, ...childrenLinks }).optional(),
    _embedded: children.optional(),
  })
  .describe('The top of the tree: the whole registry, its top-level namespaces, and the repositories in no namespace.');

export type Children = Lazily<z.output<typeof children>>;
export type Namespace = Lazily<z.output<typeof namespace>>;
export type Namespaces = Lazily<z.output<typeof namespaces>>;
