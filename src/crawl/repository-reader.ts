import { byName, type Digest, type RepositoryName, type TagName } from '../domain/names.ts';
import type { RepositoryRecord, TagRecord } from '../domain/snapshot/repository-record.ts';
import type { TagTimes } from '../domain/snapshot/snapshot.ts';
import type { Semaphore } from '../lib/semaphore.ts';
import type { Clock, CrawlProgress, CutList, IllegalName, ListedTag, ManifestCache, Registry } from '../ports.ts';
import { gapFrom, unlessUnavailable } from './gap-from-error.ts';
import {
  createManifestReader,
  type KnownTags,
  type ManifestReader,
  type ManifestReaderOptions,
} from './manifest-reader.ts';
import { createReferrersReader } from './referrers.ts';
import { forEachConcurrently, type WorkerPool } from './worker-pool.ts';

export interface RepositoryReaderOptions extends ManifestReaderOptions, WorkerPool {
  readonly clock: Clock;
  /** Updated as the crawl goes on. */
  readonly progress: CrawlProgress;
  /** Shared by the tags of all repositories, so that one large repository does not fill the queue to the registry. */
  readonly tagSlots: Semaphore;
}

export interface RepositoryReader extends Pick<ManifestReader, 'readBelow'> {
  /**
   * Returns what the repository contains now. If it cannot be read, returns what it contained before, and the failure. Saves manifests and configs,
   * but not the record.
   *
   * @param before the earlier record; undefined if no crawl has begun to read the repository
   */
  read(name: RepositoryName, before: RepositoryRecord | undefined): Promise<RepositoryRecord>;
  /** See `ReferrersReader.refusal`. */
  referrersRefusal(): string | undefined;
}

export function createRepositoryReader(
  registry: Registry,
  cache: ManifestCache,
  options: RepositoryReaderOptions,
): RepositoryReader {
  const { signal, progress, clock } = options;
  const reader = createManifestReader(registry, cache, options);
  const referrersReader = createReferrersReader(registry, cache, reader, options);

  async function readTags(
    repository: RepositoryName,
    listed: readonly ListedTag[],
    known: KnownTags | undefined,
  ): Promise<TagRecord[]> {
    const records: TagRecord[] = [];
    const absent: TagName[] = [];
    progress.tagsFound += listed.length;
    await forEachConcurrently(listed, options, async (tag) => {
      const record = await options.tagSlots(() => reader.readTag(repository, tag, known));
      if (record === undefined) absent.push(tag.name);
      else records.push(record);
      progress.tagsRead++;
    });
    if (absent.length > 0) records.push(...(await brokenTags(registry, repository, absent, signal)));
    const times = new Map(listed.map((tag) => [tag.name, tag.times]));
    return records.map((record) => withTimes(record, times.get(record.name))).sort((a, b) => byName(a.name, b.name));
  }

  return {
    readBelow: reader.readBelow,
    referrersRefusal: referrersReader.refusal,
    async read(name, before) {
      const readAt = clock();
      const known = before && (await knownTags(cache, before.content?.tags ?? []));
      let listing: TagListing;
      try {
        listing = await listTags(registry, name, known, signal);
      } catch (error) {
        return { name, content: before?.content, failure: gapFrom(error, name) };
      }
      const tags = await readTags(name, listing.tags, known);
      const roots = [...new Set(tags.flatMap(({ digest }) => digest ?? []))];
      const referrers = await referrersReader.read(name, roots);
      const content = {
        readAt,
        tags,
        illegalTags: listing.illegal,
        ...(listing.cut && { cut: listing.cut }),
        referrers,
      };
      return { name, content, failure: undefined };
    },
  };
}

function withTimes(record: TagRecord, times: TagTimes | undefined): TagRecord {
  return times === undefined ? record : { ...record, times };
}

async function knownTags(cache: ManifestCache, tags: readonly TagRecord[]): Promise<KnownTags> {
  const digests = new Map(
    tags.flatMap(({ name, digest }): [TagName, Digest][] => (digest === undefined ? [] : [[name, digest]])),
  );
  return { digests, cached: await cache.heldManifests([...new Set(digests.values())]) };
}

interface TagListing {
  readonly tags: readonly ListedTag[];
  readonly illegal: readonly string[];
  /** Why the list may go on; undefined if it is whole. */
  readonly cut: string | undefined;
}

/**
 * Lists the tags of a repository. If a tag that was there before is missing, lists them again and returns the tags of both listings: some registries
 * omit a tag if another one is deleted between two pages. If the list is cut, returns every tag that was there before: the crawl asks for each.
 */
async function listTags(
  registry: Registry,
  repository: RepositoryName,
  known: KnownTags | undefined,
  signal: AbortSignal,
): Promise<TagListing> {
  const listed = new Map<string, ListedTag | IllegalName>();
  let cut: string | undefined;
  const add = (tags: readonly (ListedTag | IllegalName | CutList)[]): void => {
    cut = undefined;
    for (const tag of tags) {
      if ('cut' in tag) cut = tag.cut;
      else listed.set('illegal' in tag ? tag.illegal : tag.name, tag);
    }
  };
  add(await registry.tags(repository, signal));
  const missing = [...(known?.digests.keys() ?? [])].filter((name) => !listed.has(name));
  if (missing.length > 0) {
    const again = await registry.tags(repository, signal).catch(unlessUnavailable);
    if (again !== undefined) add(again);
    if (again === undefined || cut !== undefined)
      for (const name of missing) if (!listed.has(name)) listed.set(name, { name });
  }
  const all = [...listed.values()];
  return {
    tags: all.flatMap((tag) => ('illegal' in tag ? [] : tag)),
    illegal: all.flatMap((tag) => ('illegal' in tag ? tag.illegal : [])).sort(byName),
    cut,
  };
}

/** Returns gaps for those tags that are listed but have no manifest. A tag that a second listing omits was deleted meanwhile. */
async function brokenTags(
  registry: Registry,
  repository: RepositoryName,
  absent: readonly TagName[],
  signal: AbortSignal,
): Promise<readonly TagRecord[]> {
  const again = await registry.tags(repository, signal).catch(unlessUnavailable);
  const stillListed = new Set(again?.flatMap((tag) => ('name' in tag ? tag.name : [])) ?? absent);
  return absent
    .filter((name) => stillListed.has(name))
    .map((name) => {
      const reason = 'the tag is listed, but has no manifest';
      return { name, digest: undefined, gap: { repository, reference: name, code: 'missing', reason } };
    });
}
