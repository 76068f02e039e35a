import { type BlobUsage, blobsBelow, blobUsage, type TagBlob } from '../domain/blobs.ts';
import type { Links, Page } from './links.ts';
import type { Wants } from './query.ts';
import { deeper, items, type Representation, representTag } from './representations.ts';
import type { Resource } from './resolve.ts';
import type { SnapshotIndex } from './snapshot-index.ts';

/** What a tag is made of. */
export function representTagBlobs(
  { repository, tag }: Extract<Resource, { kind: 'blobs' }>,
  index: SnapshotIndex,
  wants: Wants,
  links: Links,
): Representation {
  const root = tag.manifest === null ? undefined : index.blobs.node(tag.manifest.digest);
  const blobs = root === undefined ? [] : blobsBelow(index.snapshot.contents, root);
  return {
    blobs_count: tag.manifest === null ? null : blobs.length,
    deduplicated_bytes: tag.deduplicatedBytes,
    complete: tag.isComplete,
    ...(wants.links && {
      _links: {
        self: { href: links.tagBlobs(repository.name, tag.name) },
        up: { href: links.tag(repository.name, tag.name) },
        ...items(blobs, ({ digest }) => ({ href: links.blob(digest), title: digest })),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: items(blobs, (blob) => ({ ...representPlatforms(blob), ...linked(blob, index, wants, links) })),
    }),
  };
}

/** A page of all blobs, the largest first. */
export function representBlobs(index: SnapshotIndex, page: Page, wants: Wants, links: Links): Representation {
  const { contents, figures, finishedAt } = index.snapshot;
  const nodes = index.blobs.largestFirst();
  const last = Math.max(1, Math.ceil(nodes.length / page.perPage));
  const from = (page.page - 1) * page.perPage;
  const blobs = [...nodes.subarray(from, from + page.perPage)].map((node) => blobUsage(contents, node));
  const at = (number: number) => ({ href: links.blobs({ ...page, page: number }) });
  return {
    timestamp: finishedAt / 1000,
    blobs_count: nodes.length,
    deduplicated_bytes: figures.deduplicatedBytes,
    complete: figures.isComplete,
    page: page.page,
    per_page: page.perPage,
    ...(wants.links && {
      _links: {
        self: at(page.page),
        first: at(1),
        ...(page.page > 1 && { prev: at(Math.min(page.page - 1, last)) }),
        ...(page.page < last && { next: at(page.page + 1) }),
        last: at(last),
        ...items(blobs, ({ digest }) => ({ href: links.blob(digest), title: digest })),
      },
    }),
    ...(wants.embed > 0 && { _embedded: items(blobs, (blob) => linked(blob, index, wants, links)) }),
  };
}

/** One blob, and the tags that reach it. */
export function representBlob(node: number, index: SnapshotIndex, wants: Wants, links: Links): Representation {
  const blob = blobUsage(index.snapshot.contents, node);
  // A base image's layer may be in most tags: they are looked for only where they are wanted.
  const positions = wants.links || wants.embed > 0 ? index.blobs.tagsReaching(node) : [];
  const holders = positions.flatMap((position) => index.tagAt(position) ?? []);
  return {
    ...representBlobState(blob, index),
    ...(wants.links && {
      _links: {
        self: { href: links.blob(blob.digest) },
        collection: { href: links.blobs() },
        ...items(holders, ({ repository, tag }) => ({
          href: links.tag(repository.name, tag.name),
          title: `${repository.name}:${tag.name}`,
        })),
      },
    }),
    ...(wants.embed > 0 && {
      _embedded: items(holders, ({ repository, tag }) => ({
        repository: repository.name,
        ...representTag(tag, repository, deeper(wants), links),
      })),
    }),
  };
}

function linked(blob: BlobUsage, index: SnapshotIndex, wants: Wants, links: Links): Representation {
  const _links = { self: { href: links.blob(blob.digest) }, collection: { href: links.blobs() } };
  return { ...representBlobState(blob, index), ...(wants.links && { _links }) };
}

/** Who else has a blob is a question to the whole registry: any tag that could not be read may be one of them. */
function representBlobState(blob: BlobUsage, { snapshot }: SnapshotIndex): Representation {
  const { digest, kind, mediaType, bytes, tagsCount, repositoriesCount } = blob;
  return {
    digest,
    kind,
    media_type: mediaType || null,
    bytes,
    shared: tagsCount > 1,
    tags_count: tagsCount,
    repositories_count: repositoriesCount,
    complete: snapshot.figures.isComplete,
  };
}

function representPlatforms({ platforms }: TagBlob): Representation {
  return { platforms };
}
