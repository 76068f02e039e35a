import type { RepositoryUsage, TagFigures } from '../../domain/snapshot/snapshot.ts';
import { assertNever } from '../../lib/assert-never.ts';
import { decodeName, decodeSegment, encodeSegment, type Links } from '../hal/links.ts';
import type { SnapshotIndex } from './snapshot-index.ts';

/** What a path below the repositories names. */
export type Resource =
  | { readonly kind: 'repository'; readonly repository: RepositoryUsage }
  | { readonly kind: 'tags'; readonly repository: RepositoryUsage }
  | { readonly kind: 'tag'; readonly repository: RepositoryUsage; readonly tag: TagFigures }
  | { readonly kind: 'blobs'; readonly repository: RepositoryUsage; readonly tag: TagFigures };

/**
 * All that a path may mean, the longest repository name first. A client writes a name as one encoded segment, but proxies decode on the
 * way: then `a/tags` is the repository of that name as well as the tags of `a`, and whoever asks has to be told of both.
 *
 * @param path what follows `/repositories/`, as it came, not decoded
 * @param isExact whether the path is known to be as the client wrote it
 */
export function resolve(path: string, index: SnapshotIndex, isExact: boolean): readonly Resource[] {
  const segments = path.split('/');
  const first = segments[0] ?? '';
  const namesLength = isExact || /%2f/i.test(first) ? [1] : [0, 1, 2, 3].map((behind) => segments.length - behind);
  return namesLength.flatMap((length) => reading(segments, length, index) ?? []);
}

function reading(segments: readonly string[], nameLength: number, index: SnapshotIndex): Resource | undefined {
  if (nameLength < 1) return undefined;
  const repository = index.repository(decodeName(segments.slice(0, nameLength).join('/')));
  if (repository === undefined) return undefined;
  const [collection, tagSegment, detail, ...rest] = segments.slice(nameLength);
  if (collection === undefined) return { kind: 'repository', repository };
  if (collection !== 'tags' || rest.length > 0) return undefined;
  if (tagSegment === undefined) return { kind: 'tags', repository };
  const tag = index.tag(repository, decodeSegment(tagSegment));
  if (tag === undefined || (detail !== undefined && detail !== 'blobs')) return undefined;
  return { kind: detail === undefined ? 'tag' : 'blobs', repository, tag };
}

/** How a resource is written in a link. */
export function hrefOf(resource: Resource, links: Links): string {
  const { name } = resource.repository;
  switch (resource.kind) {
    case 'repository':
      return links.repository(name);
    case 'tags':
      return links.tags(name);
    case 'tag':
      return links.tag(name, resource.tag.name);
    case 'blobs':
      return links.tagBlobs(name, resource.tag.name);
    default:
      return assertNever(resource);
  }
}

/** The path of a resource that does not exist, as the client most likely meant it: up to the first `/tags` a repository, behind it a tag. */
export function describeMissing(path: string): string {
  const plain = decodeName(path);
  const [, repository = plain, slashTags = '', tag, slashBlobs = ''] =
    /^(.+?)(\/tags)(?:\/(.+?)(\/blobs)?)?$/s.exec(plain) ?? [];
  return `/repositories/${encodeSegment(repository)}${slashTags}${tag === undefined ? '' : `/${encodeSegment(tag)}`}${slashBlobs}`;
}
