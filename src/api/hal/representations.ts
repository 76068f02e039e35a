import type { RepositoryUsage, Snapshot, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { lazyArrayOf, type Sequence } from '../../http/bodies/json-stream.ts';
import { items, membersIn, type View, wholeOf } from '../collections/collection.ts';
import type { Link } from '../schemas/schema-parts.ts';
import type { AllTags, Holder, NothingYet, Repositories, Repository, Tag, Tags } from '../schemas/tree.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { Links } from './links.ts';
import { countStale, representFigures, representTime, representTimeOrNull } from './represent-figures.ts';

/** A HAL resource (draft-kelly-json-hal-11): its state, then its links and what it embeds, where they are wanted. */
export type Representation = Readonly<Record<string, unknown>>;

/** What a collection says before the first snapshot. */
export const NOTHING_YET: NothingYet = { timestamp: null, complete: false };

/** The root collection. */
export function representRepositories(snapshot: Snapshot, view: View, wants: EmbedOptions, links: Links): Repositories {
  const { id, startedAt, finishedAt, figures, kinds, repositories, gaps } = snapshot;
  const shown = membersIn(view, repositories, (position) => repositories[position] as RepositoryUsage);
  return {
    timestamp: finishedAt / 1000,
    snapshot: id,
    started_at: representTime(startedAt),
    finished_at: representTime(finishedAt),
    ...representFigures(figures),
    repositories_count: repositories.length,
    gaps_count: gaps.length,
    stale_repositories_count: countStale(snapshot),
    kinds: kinds.map(({ kind, tagsCount, bytes }) => ({ kind, tags_count: tagsCount, bytes })),
    ...view.state,
    ...(wants.links && {
      _links: {
        ...view.links,
        ...items(shown, ({ name }) => ({ href: links.repository(name), title: name })),
        namespaces: { href: links.namespaces() },
        all_tags: { href: links.allTags() },
        blobs: { href: links.blobs() },
        gaps: { href: links.gaps() },
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: items(shown, (repository) => representRepository(repository, deeper(wants), links)),
    }),
  };
}

export function representRepository(repository: RepositoryUsage, wants: EmbedOptions, links: Links): Repository {
  const { name, namespace, staleSince } = repository;
  return {
    name,
    ...representFigures(repository),
    stale_since: representTimeOrNull(staleSince),
    ...(wants.links && {
      _links: {
        self: { href: links.repository(name) },
        collection: { href: links.repositories() },
        related: { href: links.tags(name), title: 'tags' },
        ...(namespace !== undefined && { namespace: { href: links.namespace(namespace), title: namespace } }),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: { related: representTags(repository, wholeOf(links.tags(name)), deeper(wants), links) },
    }),
  };
}

export function representTags(repository: RepositoryUsage, view: View, wants: EmbedOptions, links: Links): Tags {
  const { name, tags } = repository;
  const areUnknown = tags.length === 0 && !repository.isComplete;
  const shown = membersIn(view, tags, (position) => tags[position] as TagFigures);
  return {
    complete: repository.isComplete,
    ...view.state,
    ...(wants.links && {
      _links: {
        ...view.links,
        up: { href: links.repository(name) },
        ...items(shown, (tag) => ({ href: links.tag(name, tag.name), title: tag.name })),
      },
    }),
    ...(wants.embed > 0 &&
      !areUnknown && { _embedded: items(shown, (tag) => representTag(tag, repository, wants, links)) }),
  };
}

/** The tags of all repositories, those of the view. */
export function representAllTags(
  { snapshot, tagAt }: SnapshotIndex,
  view: View,
  wants: EmbedOptions,
  links: Links,
): AllTags {
  const { id, finishedAt, figures } = snapshot;
  const shown = lazyArrayOf(view.positions ?? [], (position) => tagAt(position) as TagOfRepository);
  return {
    timestamp: finishedAt / 1000,
    snapshot: id,
    tags_count: figures.tagsCount,
    complete: figures.isComplete,
    ...view.state,
    ...representHolders(shown, view, { up: { href: links.repositories() } }, wants, links),
  };
}

/** A tag with its repository. */
export interface TagOfRepository {
  readonly repository: RepositoryUsage;
  readonly tag: TagFigures;
}

/** Links to tags of several repositories, and the tags themselves, where they are wanted. */
export function representHolders<L extends Readonly<Record<string, Link>>>(
  shown: Sequence<TagOfRepository>,
  view: View,
  others: L,
  wants: EmbedOptions,
  links: Links,
) {
  return {
    ...(wants.links && {
      _links: {
        ...view.links,
        ...others,
        ...items(shown, ({ repository, tag }) => ({
          href: links.tag(repository.name, tag.name),
          title: `${repository.name}:${tag.name}`,
        })),
      },
    }),
    ...(wants.embed > 0 && { _embedded: items(shown, (one) => representHolder(one, wants, links)) }),
  };
}

export function representHolder({ repository, tag }: TagOfRepository, wants: EmbedOptions, links: Links): Holder {
  return { repository: repository.name, ...representTag(tag, repository, wants, links) };
}

/** A tag embeds nothing: what it is made of is for those who ask for it. */
export function representTag(tag: TagFigures, repository: RepositoryUsage, wants: EmbedOptions, links: Links): Tag {
  const { name, status, manifest, lastPulledAt } = tag;
  return {
    name,
    ...representFigures(tag),
    status,
    digest: manifest?.digest ?? null,
    media_type: manifest?.mediaType || null,
    kind: manifest?.kind ?? null,
    ...(manifest?.subject !== undefined && { subject: manifest.subject }),
    platforms: manifest?.platforms ?? null,
    created_at: representTimeOrNull(manifest?.createdAt),
    last_pulled_at: representTimeOrNull(lastPulledAt),
    layers_count: manifest?.layersCount ?? null,
    ...(wants.links && {
      _links: {
        self: { href: links.tag(repository.name, name) },
        collection: { href: links.tags(repository.name) },
        ...(manifest && { blobs: { href: links.tagBlobs(repository.name, name) } }),
      },
    }),
  };
}

export function deeper(wants: EmbedOptions): EmbedOptions {
  return { ...wants, embed: wants.embed - 1 };
}
