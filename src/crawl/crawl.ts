import type { RepositoryName } from '../domain/names.ts';
import type { CrawlResult } from '../domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from '../domain/snapshot/repository-record.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import type { Catalogue, CrawlMark, Registry } from '../ports.ts';
import { type AssembleOptions, assemble, type KeptAssembly } from './assemble.ts';
import type { ReadingOrder } from './reading-order.ts';
import { areSame, isWhole } from './records.ts';
import { createRepositoryReader, type RepositoryReader, type RepositoryReaderOptions } from './repository-reader.ts';
import { resolveMissing, settleKnown } from './resolve-missing.ts';
import { forEachLimited, type Workers } from './worker-pool.ts';

export interface CrawlOptions extends Omit<RepositoryReaderOptions, keyof Workers | 'tagSlots' | 'isThorough'> {
  /** How many requests to have under way. */
  readonly width: number;
  /** What there is, as the crawl finds it. Whoever hears of more meanwhile adds it. */
  readonly found: Set<RepositoryName>;
  /** Of all crawls that go on. */
  readonly order: ReadingOrder;
  /** Of the last snapshot. */
  readonly kept: Kept;
}

/** What is kept in memory from one snapshot to the next, so that not all has to be loaded again for one repository. */
export interface Kept {
  assembly: KeptAssembly | undefined;
}

/** How often, in milliseconds. */
interface Paces {
  /** A crawl that was interrupted so long ago at most goes on where it was. */
  readonly resumeWithinMs: number;
  /** So long after a thorough crawl comes another one. */
  readonly thoroughAfterMs: number;
}

/** What a crawl has read, and is to be put together. */
export interface Crawled {
  readonly illegal: ReadonlySet<string>;
  /** Puts it together, and asks for what is missing in it. */
  assemble(): Promise<CrawlResult>;
}

/**
 * Reads every repository and every tag of a registry, and whatever below them is new. What is read is pending in the catalogue; what cannot be
 * read is a gap. Throws where there is nothing to read: no list of repositories, a registry that has gone, or a catalogue that cannot keep
 * what is read.
 */
export async function crawl(registry: Registry, catalogue: Catalogue, options: CrawlOptions & Paces): Promise<Crawled> {
  const { clock, progress, found, order, kept } = options;
  kept.assembly = undefined; // a thorough crawl may forget what it holds, and memory is short while another is put together
  const { startedAt, isThorough, isResumed } = await beginOrResume(catalogue, options);
  const workers = startWorkers({ ...options, isThorough });
  const illegal = new Set<string>();
  const reader = createRepositoryReader(registry, catalogue, workers);

  async function read(name: RepositoryName): Promise<RepositoryRecord> {
    const pending = isResumed ? await catalogue.pending(name) : undefined;
    if (pending !== undefined && isWhole(pending)) {
      progress.repositoriesKept++;
      return pending;
    }
    const before = (await catalogue.repository(name)) ?? pending;
    // So that a crawl that goes on here knows that some of its manifests may have been read.
    if (before === undefined) await catalogue.savePending({ name, reading: undefined, failure: undefined });
    const begun = order.begin();
    const record = await reader.read(name, before);
    if (order.isLatest(name, begun)) await catalogue.savePending(record);
    return record;
  }

  const readAll = (): Promise<void> =>
    forEachLimited(registry.repositories(workers.signal), workers, async (name) => {
      if (typeof name !== 'string') return void illegal.add(name.illegal);
      if (found.has(name)) return; // a listing that shifts between two pages may name a repository twice
      found.add(name);
      progress.repositoriesFound++;
      await read(name);
      progress.repositoriesRead++;
    });
  const lost = async () => (await catalogue.names()).filter((name) => !found.has(name) && registry.isWanted(name));

  await readAll();
  // What is gone may have been passed over, where the listing shifted between two pages; or the listing may not show it any more to those who ask.
  if ((await lost()).length > 0) await readAll();
  await forEachLimited(await lost(), workers, async (name) => {
    const record = await read(name);
    if (record.failure !== undefined || holdsTags(record)) found.add(name);
  });
  return {
    illegal,
    assemble: async () => {
      const which = { withPending: true, isWanted: (name: RepositoryName) => found.has(name) };
      kept.assembly = undefined; // of what was read again meanwhile
      const assembled = await assembleAll(registry, catalogue, reader, workers, which, () => true);
      return { ...assembled, illegal, startedAt, finishedAt: clock() };
    },
  };
}

/** Reads these repositories again, as far as they are known or hold anything, and puts them together with all that was read earlier. */
export async function recrawl(
  registry: Registry,
  catalogue: Catalogue,
  names: ReadonlySet<RepositoryName>,
  options: CrawlOptions & {
    /** Called when something else is kept of a repository than before. */
    readonly noteChange: () => void;
  },
): Promise<Crawled> {
  const { clock, found, order } = options;
  const workers = startWorkers({ ...options, isThorough: false });
  const startedAt = clock();
  const reader = createRepositoryReader(registry, catalogue, workers);
  const wanted = [...names].filter(registry.isWanted);
  await registry.expect(wanted, workers.signal);
  await forEachLimited(wanted, workers, async (name) => {
    const before = await catalogue.repository(name);
    const begun = order.begin();
    const record = await reader.read(name, before ?? (await catalogue.pending(name)));
    if (before === undefined && !holdsTags(record)) return;
    found.add(name); // before it is saved: a crawl that ends just then must not take it for gone
    if (!order.isLatest(name, begun)) return;
    if (before === undefined || !areSame(before, record)) options.noteChange();
    // Who fails leaves what others have read meanwhile.
    const reading = record.failure === undefined ? record.reading : (await catalogue.repository(name))?.reading;
    await catalogue.saveRepository({ ...record, reading });
  });
  const illegal = await catalogue.illegalNames();
  return {
    illegal,
    assemble: async () => {
      const which = { withPending: false, isWanted: registry.isWanted };
      const isAsked = (name: RepositoryName): boolean => names.has(name);
      const assembled = await assembleAll(registry, catalogue, reader, workers, which, isAsked);
      return { ...assembled, illegal, startedAt, finishedAt: clock() };
    },
  };
}

/** What earlier crawls have left, and nothing is asked; undefined where none has ended. */
export async function recall(registry: Registry, catalogue: Catalogue): Promise<CrawlResult | undefined> {
  const assembly = await assemble(catalogue, { withPending: false, isWanted: registry.isWanted });
  if (assembly.repositories.length === 0) return undefined;
  await settleKnown(catalogue, assembly, () => false);
  let [startedAt, finishedAt] = [Number.POSITIVE_INFINITY, 0];
  for await (const { reading } of catalogue.repositories()) {
    startedAt = Math.min(startedAt, reading?.readAt ?? startedAt);
    finishedAt = Math.max(finishedAt, reading?.readAt ?? 0);
  }
  const illegal = await catalogue.illegalNames();
  const { builder, repositories } = assembly;
  return { graph: builder.build(), repositories, illegal, startedAt: Math.min(startedAt, finishedAt), finishedAt };
}

function holdsTags({ reading }: RepositoryRecord): boolean {
  return reading !== undefined && reading.tags.length > 0;
}

/** All that works for one crawl ends with the first failure. */
function startWorkers<T extends { readonly width: number; readonly signal: AbortSignal }>(options: T) {
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  return { ...options, ended, signal, tagSlots: createSemaphore(options.width) };
}

async function beginOrResume(
  catalogue: Catalogue,
  { clock, resumeWithinMs, thoroughAfterMs }: Pick<CrawlOptions, 'clock'> & Paces,
): Promise<CrawlMark & { readonly isResumed: boolean }> {
  const now = clock();
  const unfinished = await catalogue.unfinished();
  const agoMs = now - (unfinished?.startedAt ?? now);
  if (unfinished !== undefined && agoMs >= 0 && agoMs <= resumeWithinMs) return { ...unfinished, isResumed: true };
  const thoroughAt = await catalogue.lastThoroughAt();
  const mark = { startedAt: now, isThorough: thoroughAt === undefined || now - thoroughAt >= thoroughAfterMs };
  await catalogue.begin(mark);
  return { ...mark, isResumed: false };
}

async function assembleAll(
  registry: Registry,
  catalogue: Catalogue,
  reader: RepositoryReader,
  workers: Workers & { readonly signal: AbortSignal; readonly kept: Kept },
  which: AssembleOptions,
  isAsked: (name: RepositoryName) => boolean,
): Promise<Pick<CrawlResult, 'graph' | 'repositories'>> {
  const { kept } = workers;
  const before = kept.assembly;
  kept.assembly = undefined; // whatever fails from here on leaves nothing half done behind
  const assembly = await assemble(catalogue, which, before);
  await settleKnown(catalogue, assembly, isAsked);
  await resolveMissing(registry, catalogue, reader, assembly, { ...workers, isAsked });
  kept.assembly = { builder: assembly.builder, roots: assembly.roots };
  return { graph: assembly.builder.build(), repositories: assembly.repositories };
}
