import type { RepositoryRecord } from '../domain/catalogue.ts';
import type { Findings } from '../domain/findings.ts';
import type { RepositoryName } from '../domain/names.ts';
import type { Catalogue, Registry } from '../ports.ts';
import { assemble } from './assemble.ts';
import { askElsewhere, settleKnown } from './leftovers.ts';
import { forEachLimited, type Workers } from './limited.ts';
import { createRepositoryReader, type RepositoryReader, type RepositoryReaderOptions } from './read-repository.ts';
import type { ReadingOrder } from './reading-order.ts';

export interface CrawlOptions extends Omit<RepositoryReaderOptions, keyof Workers> {
  /** How many requests to have under way. */
  readonly width: number;
  /** What there is, as the crawl finds it. Whoever hears of more meanwhile adds it. */
  readonly found: Set<RepositoryName>;
  /** Of all crawls that go on. */
  readonly order: ReadingOrder;
}

/** What a crawl has read, and is to be put together. */
export interface Crawled {
  readonly illegal: ReadonlySet<string>;
  /** Puts it together, and asks for what is missing in it. */
  assemble(): Promise<Findings>;
}

/**
 * Reads every repository and every tag of a registry into the catalogue, and whatever below them is new. What cannot be read is a gap.
 * Throws where there is nothing to read: no list of repositories, a registry that has gone, or a catalogue that cannot keep what is read.
 */
export async function crawl(
  registry: Registry,
  catalogue: Catalogue,
  options: CrawlOptions & { readonly resumeWithinMs: number },
): Promise<Crawled> {
  const { clock, progress, found } = options;
  const workers = startWorkers(options);
  const { startedAt, isResumed } = await beginOrResume(catalogue, options);
  const illegal = new Set<string>();
  const reader = createRepositoryReader(registry, catalogue, workers);
  const readAndSave = createSaver(reader, catalogue, options);
  const readAll = (): Promise<void> =>
    forEachLimited(registry.repositories(workers.signal), workers, async (name) => {
      if (typeof name !== 'string') return void illegal.add(name.illegal);
      if (found.has(name)) return; // a listing that shifts between two pages may name a repository twice
      found.add(name);
      progress.repositoriesFound++;
      const before = await catalogue.repository(name);
      const isKept = isResumed && before !== undefined && isReadWhole(before, startedAt);
      if (isKept) progress.repositoriesKept++;
      else await readAndSave(name, before);
      progress.repositoriesRead++;
    });
  await readAll();
  // What is gone may have been passed over, where the listing shifted between two pages.
  if (await hasLost(catalogue, found)) await readAll();
  const isWanted = (name: RepositoryName): boolean => found.has(name);
  return {
    illegal,
    assemble: async () => {
      const assembled = await assembleAll(registry, catalogue, reader, workers, { isWanted, isAsked: () => true });
      return { ...assembled, illegal, startedAt, finishedAt: clock() };
    },
  };
}

/** Reads these repositories again, as far as they are known or hold anything, and puts them together with all that was read earlier. */
export async function recrawl(
  registry: Registry,
  catalogue: Catalogue,
  names: ReadonlySet<RepositoryName>,
  options: CrawlOptions,
): Promise<Crawled> {
  const { clock, found } = options;
  const workers = startWorkers(options);
  const startedAt = clock();
  const reader = createRepositoryReader(registry, catalogue, workers);
  const readAndSave = createSaver(reader, catalogue, options);
  await forEachLimited([...names].filter(registry.isWanted), workers, async (name) => {
    const before = await catalogue.repository(name);
    const isThere = await readAndSave(name, before, (record) => before !== undefined || holdsTags(record));
    if (isThere) found.add(name);
  });
  const illegal = await catalogue.illegalNames();
  const isAsked = (name: RepositoryName): boolean => names.has(name);
  return {
    illegal,
    assemble: async () => {
      const assembled = await assembleAll(registry, catalogue, reader, workers, { isWanted: registry.isWanted, isAsked });
      return { ...assembled, illegal, startedAt, finishedAt: clock() };
    },
  };
}

/** Whether all of it could be read since then. What could not be read is worth another try. */
function isReadWhole({ reading, failure }: RepositoryRecord, since: number): boolean {
  if (reading === undefined || failure !== undefined || reading.readAt < since) return false;
  const { tags, referrers } = reading;
  return tags.every(({ digest }) => digest !== undefined) && referrers.every((one) => one.referrers !== null);
}

function holdsTags({ reading }: RepositoryRecord): boolean {
  return reading !== undefined && reading.tags.length > 0;
}

/** Reads a repository, and keeps the record unless it is not worth it, or an older one than another crawl has brought meanwhile. */
function createSaver(reader: RepositoryReader, catalogue: Catalogue, { order }: CrawlOptions) {
  return async (
    name: RepositoryName,
    before: RepositoryRecord | undefined,
    isWorthIt: (record: RepositoryRecord) => boolean = () => true,
  ): Promise<boolean> => {
    const begun = order.begin();
    const record = await reader.read(name, before);
    if (!isWorthIt(record)) return false;
    if (order.isLatest(name, begun)) await catalogue.saveRepository(record);
    return true;
  };
}

/** All that works for one crawl ends with the first failure. */
function startWorkers<T extends { readonly width: number; readonly signal: AbortSignal }>(options: T): T & Workers {
  const ended = new AbortController();
  return { ...options, ended, signal: AbortSignal.any([options.signal, ended.signal]) };
}

async function beginOrResume(
  catalogue: Catalogue,
  { clock, resumeWithinMs }: Pick<CrawlOptions, 'clock'> & { readonly resumeWithinMs: number },
): Promise<{ startedAt: number; isResumed: boolean }> {
  const now = clock();
  const since = await catalogue.unfinishedSince();
  if (since !== undefined && since <= now && now - since <= resumeWithinMs)
    return { startedAt: since, isResumed: true };
  await catalogue.begin(now);
  return { startedAt: now, isResumed: false };
}

async function hasLost(catalogue: Catalogue, found: ReadonlySet<RepositoryName>): Promise<boolean> {
  for await (const { name } of catalogue.repositories()) if (!found.has(name)) return true;
  return false;
}

async function assembleAll(
  registry: Registry,
  catalogue: Catalogue,
  reader: RepositoryReader,
  workers: Workers & { readonly signal: AbortSignal },
  { isWanted, isAsked }: Record<'isWanted' | 'isAsked', (name: RepositoryName) => boolean>,
): Promise<Pick<Findings, 'graph' | 'repositories'>> {
  const assembly = await assemble(catalogue, isWanted);
  await settleKnown(catalogue, assembly, isAsked);
  await askElsewhere(registry, catalogue, reader, assembly, { ...workers, isAsked });
  return { graph: assembly.builder.build(), repositories: assembly.repositories };
}
