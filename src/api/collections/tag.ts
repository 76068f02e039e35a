import type { RepositoryUsage, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { FIGURE_NAMES } from '../../domain/usage/figures.ts';
import { representFigures, representTimeOrNull } from '../hal/represent-figures.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Tag, tag } from '../schemas/tree.ts';
import type { SingleDescriptor } from './descriptor.ts';

/** `GET /repositories/{repository}/tags/{tag}` */
export const TAG: SingleDescriptor = {
  kind: 'single',
  path: PATHS.tag,
  relation: 'tag',
  operation: { id: 'getTag', section: 'tree', summary: 'A tag' },
  schema: { name: 'Tag', schema: tag },
  find([repositoryName = '', name = ''], context) {
    const repository = context.index.repository(repositoryName);
    const found = repository && context.index.tag(repository, name);
    return found && (() => representTag(found, repository, context));
  },
};

/** The fields of a tag on a line of its own. */
export const TAG_COLUMNS: readonly string[] = [
  'name',
  ...FIGURE_NAMES,
  'status',
  'digest',
  'media_type',
  'kind',
  'subject',
  'platforms',
  'created_at',
  'last_pulled_at',
  'layers_count',
  'tag_created_at',
  'tag_updated_at',
  'published_at',
  'database_bytes',
];

/** A tag embeds nothing: its blobs are a resource of their own. */
export function representTag(
  one: TagFigures,
  repository: RepositoryUsage,
  { options, links }: RepresentationContext,
): Tag {
  const { name, status, manifest, lastPulledAt, times } = one;
  return {
    name,
    ...representFigures(one),
    status,
    digest: manifest?.digest ?? null,
    media_type: manifest?.mediaType || null,
    kind: manifest?.kind ?? null,
    ...(manifest?.subject !== undefined && { subject: manifest.subject }),
    platforms: manifest?.platforms ?? null,
    created_at: representTimeOrNull(manifest?.createdAt),
    last_pulled_at: representTimeOrNull(lastPulledAt),
    layers_count: manifest?.layersCount ?? null,
    tag_created_at: representTimeOrNull(times?.createdAt),
    tag_updated_at: representTimeOrNull(times?.updatedAt),
    published_at: representTimeOrNull(times?.publishedAt),
    ...(options.links && {
      _links: {
        self: { href: links.tag(repository.name, name) },
        collection: { href: links.tags(repository.name) },
        ...(manifest && { blobs: { href: links.tagBlobs(repository.name, name) } }),
      },
    }),
  };
}
