import { byName, type Digest, type RepositoryName, type TagName } from '../domain/names.ts';
import type { RepositoryRecord, TagReading } from '../domain/snapshot/repository-record.ts';
import type { Semaphore } from '../lib/semaphore.ts';
import type { Catalogue, Clock, CrawlProgress, IllegalName, ListedTag, Registry } from '../ports.ts';
import { gapFrom, unlessUnavailable } from './gap-from-error.ts';
import { createReader, type KnownTags, type Reader, type ReaderOptions } from './manifest-reader.ts';
import { createReferrersReader } from './referrers.ts';
import { forEachLimited, type Workers } from './worker-pool.ts';

export interface RepositoryReaderOptions extends ReaderOptions, Workers {
  readonly clock: Clock;
  /** Counted up as it goes on. */
  readonly progress: CrawlProgress;
  /** For the tags of all repositories together: those of one must not queue up before whoever else asks the registry. */
  readonly tagSlots: Semaphore;
}

/** Reads repositories, one at a call. */
export interface RepositoryReader extends Pick<Reader, 'readBelow'> {
  /**
   * What the repository holds now; where it cannot be read, what it held before, and why. Nothing is saved but manifests and configs.
   *
   * @param before what was known of it; undefined where it was never begun with
   */
  read(name: RepositoryName, before: RepositoryRecord | undefined): Promise<RepositoryRecord>;
}

export function createRepositoryReader(
  registry: Registry,
  catalogue: Catalogue,
  options: RepositoryReaderOptions,
): RepositoryReader {
  const { signal, progress, clock } = options;
  const reader = createReader(registry, catalogue, options);
  const readReferrers = createReferrersReader(registry, catalogue, reader, options);

  async function readTags(
    repository: RepositoryName,
    listed: readonly ListedTag[],
    known: KnownTags | undefined,
  ): Promise<TagReading[]> {
    const readings: TagReading[] = [];
    const absent: TagName[] = [];
    progress.tagsFound += listed.length;
    await forEachLimited(listed, options, async (tag) => {
      const reading = await options.tagSlots(() => reader.readTag(repository, tag, known));
      if (reading === undefined) absent.push(tag.name);
      else readings.push(reading);
      progress.tagsRead++;
    });
    if (absent.length > 0) readings.push(...(await brokenTags(registry, repository, absent, signal)));
    return readings.sort((a, b) => byName(a.name, b.name));
  }

  return {
    readBelow: reader.readBelow,
    async read(name, before) {
      const readAt = clock();
      const known = before && (await knownTags(catalogue, before.reading?.tags ?? []));
      let listed: CollectionContext;
      try {
        listed = await listTags(registry, name, known, signal);
      } catch (error) {
        return { name, reading: before?.reading, failure: gapFrom(error, name) };
      }
      const tags = await readTags(name, listed.tags, known);
      const roots = [...new Set(tags.flatMap(({ digest }) => digest ?? []))];
      const referrers = await readReferrers(name, roots);
      return { name, reading: { readAt, tags, illegalTags: listed.illegal, referrers }, failure: undefined };
    },
  };
}

async function knownTags(catalogue: Catalogue, tags: readonly TagReading[]): Promise<KnownTags> {
  const digests = new Map(
    tags.flatMap(({ name, digest }): [TagName, Digest][] => (digest === undefined ? [] : [[name, digest]])),
  );
  return { digests, held: await catalogue.heldManifests([...new Set(digests.values())]) };
}

interface CollectionContext {
  readonly tags: readonly ListedTag[];
  readonly illegal: readonly string[];
}

/**
 * The tags of a repository. Where one is gone that was there before, they are listed once more: it may have been passed over, since some
 * registries lose a tag when another is deleted between two pages. What either listing names is asked for.
 */
async function listTags(
  registry: Registry,
  repository: RepositoryName,
  known: KnownTags | undefined,
  signal: AbortSignal,
): Promise<CollectionContext> {
  const listed = new Map<string, ListedTag | IllegalName>();
  const add = (tags: readonly (ListedTag | IllegalName)[]): void => {
    for (const tag of tags) listed.set('illegal' in tag ? tag.illegal : tag.name, tag);
  };
  add(await registry.tags(repository, signal));
  const passedOver = [...(known?.digests.keys() ?? [])].filter((name) => !listed.has(name));
  if (passedOver.length > 0) {
    const again = await registry.tags(repository, signal).catch(unlessUnavailable);
    // Where nobody can tell whether they are gone, they are asked for themselves.
    add(again ?? passedOver.map((name) => ({ name })));
  }
  const all = [...listed.values()];
  return {
    tags: all.flatMap((tag) => ('illegal' in tag ? [] : tag)),
    illegal: all.flatMap((tag) => ('illegal' in tag ? tag.illegal : [])).sort(byName),
  };
}

/** Listed, and not there: deleted meanwhile if a second listing says so, otherwise broken. */
async function brokenTags(
  registry: Registry,
  repository: RepositoryName,
  absent: readonly TagName[],
  signal: AbortSignal,
): Promise<readonly TagReading[]> {
  const again = await registry.tags(repository, signal).catch(unlessUnavailable);
  const stillListed = new Set(again?.flatMap((tag) => ('illegal' in tag ? [] : tag.name)) ?? absent);
  return absent
    .filter((name) => stillListed.has(name))
    .map((name) => {
      const reason = 'the tag is listed, but has no manifest';
      return { name, digest: undefined, gap: { repository, reference: name, code: 'missing', reason } };
    });
}
