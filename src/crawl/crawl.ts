import type { RepositoryName } from '../domain/names.ts';
import type { CrawlResult } from '../domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from '../domain/snapshot/repository-record.ts';
import { type AssumedCollector, GARBAGE_COLLECTORS } from '../domain/usage/garbage-collector.ts';
import { createSemaphore } from '../lib/semaphore.ts';
import type { CrawlMark, CrawlState } from '../ports.ts';
import { type AssembleOptions, assemble, type ReusableAssembly } from './assembly/assemble.ts';
import type { CollectorDetection } from './assembly/collector-detection.ts';
import { resolveMissing, settleKnown } from './assembly/resolve-missing.ts';
import type { CrawlPorts } from './crawl-ports.ts';
import type { ReadingOrder } from './reading-order.ts';
import { areSame, isComplete } from './records.ts';
import { createRepositoryReader, type RepositoryReader, type RepositoryReaderOptions } from './repository-reader.ts';
import { type PullThroughOptions, pulledThroughAt, watchPullThrough } from './stored/pull-through.ts';
import { verifyBlobs } from './stored/verify-blobs.ts';
import { forEachConcurrently, type WorkerPool } from './worker-pool.ts';

export interface CrawlOptions
  extends Omit<RepositoryReaderOptions, 'ended' | 'tagSlots' | 'isThorough'>,
    PullThroughOptions {
  /** The repositories that the crawl of the whole registry has found so far. Recrawls add those that they find meanwhile. */
  readonly found: Set<RepositoryName>;
  /** Shared by all crawls that run at the same time. */
  readonly order: ReadingOrder;
  readonly collectorDetection: CollectorDetection;
  readonly reusable: AssemblyCache;
  /** How many blobs a thorough crawl asks for, besides those of unknown size; 0 if the manifests are always believed. */
  readonly verifyBlobsPerCrawl: number;
}

/** Keeps the graph of the last snapshot in memory, so that a recrawl of one repository need not load all others again. */
export interface AssemblyCache {
  assembly: ReusableAssembly | undefined;
  /** From the last crawl of the whole registry. */
  referrersRefusal?: string | undefined;
}

export interface CrawlIntervals {
  /** A crawl that was interrupted continues if it began at most this long ago. */
  readonly resumeWithinMs: number;
  /** A crawl is thorough if the last thorough one began at least this long ago. */
  readonly thoroughAfterMs: number;
}

/** A crawl that has read everything. */
export interface FinishedCrawl {
  readonly illegal: ReadonlySet<string>;
  /** Why the list of repositories may go on; undefined if it is whole. */
  readonly cut: string | undefined;
  /** Builds the graph from all records, and asks the registry for manifests and sizes that are missing in it. */
  assemble(): Promise<CrawlResult>;
}

/**
 * Reads every repository and every tag of a registry, and all manifests below them that are not cached. Saves what it reads as pending, and notes
 * what it cannot read as a gap. Throws if it cannot go on: if the repositories cannot be listed, the registry is unavailable, or the store fails.
 */
export async function crawl(ports: CrawlPorts, options: CrawlOptions & CrawlIntervals): Promise<FinishedCrawl> {
  const { registry, crawlState } = ports;
  const { clock, progress, found, order, reusable } = options;
  reusable.assembly = undefined; // frees its memory for the next graph, since a thorough crawl may forget what it contains
  const { startedAt, isThorough, isResumed, verifiedCount } = await beginOrResume(crawlState, options);
  const pool = startPool({ ...options, isThorough, verifiedCount });
  const illegal = new Set<string>();
  let cut: string | undefined;
  const pullThrough = watchPullThrough(registry, pool);
  const reader = pullThrough.over(createRepositoryReader(registry, ports.manifestCache, pool));

  const read = createResumableReader(crawlState, reader, { isResumed, progress, order });

  const readAll = (): Promise<void> => {
    cut = undefined;
    return forEachConcurrently(registry.repositories(pool.signal), pool, async (name) => {
      if (typeof name !== 'string') {
        if ('cut' in name) cut = name.cut;
        else illegal.add(name.illegal);
        return;
      }
      if (found.has(name)) return; // a listing that changes between two pages may contain a repository twice
      found.add(name);
      progress.repositoriesFound++;
      await read(name);
      progress.repositoriesRead++;
    });
  };
  const missing = async () => (await crawlState.names()).filter((name) => !found.has(name) && registry.isWanted(name));

  await readAll();
  // A listing that changes between two pages may omit a repository, and a registry may hide one from a user who may still read it.
  if ((await missing()).length > 0) await readAll();
  await forEachConcurrently(await missing(), pool, async (name) => {
    const record = await read(name);
    if (record.failure !== undefined || hasTags(record)) found.add(name);
  });
  return {
    illegal,
    cut,
    assemble: async () => {
      const which = { withPending: true, isWanted: (name: RepositoryName) => found.has(name) };
      reusable.assembly = undefined; // of a recrawl that ran meanwhile
      await pullThrough.settle(found);
      reusable.referrersRefusal = reader.referrersRefusal();
      const assembled = await assembleAll(ports, reader, { ...pool, pulledThroughAt: pullThrough.seenAt }, which);
      return { ...assembled, illegal, cut, startedAt, finishedAt: clock() };
    },
  };
}

/** Returns a function that reads a repository and saves its record, unless an interrupted crawl has read it completely. */
function createResumableReader(
  crawlState: CrawlState,
  reader: RepositoryReader,
  { isResumed, progress, order }: Pick<CrawlOptions, 'progress' | 'order'> & { readonly isResumed: boolean },
): (name: RepositoryName) => Promise<RepositoryRecord> {
  return async (name) => {
    const pending = isResumed ? await crawlState.pending(name) : undefined;
    if (pending !== undefined && isComplete(pending)) {
      progress.repositoriesKept++;
      return pending;
    }
    const before = (await crawlState.repository(name)) ?? pending;
    // If this crawl is interrupted, the record tells the resumed one that some manifests of the repository may be cached.
    if (before === undefined) await crawlState.savePending({ name, content: undefined, failure: undefined });
    const reading = order.begin();
    const record = await reader.read(name, before);
    if (order.isLatest(name, reading)) await crawlState.savePending(record);
    return record;
  };
}

export interface RecrawlOptions extends CrawlOptions {
  /** Called when the record of a repository changes. */
  readonly noteChange: () => void;
}

/** Reads these repositories again, and combines them with the records of all others. Ignores a repository that is not known and has no tags. */
export async function recrawl(
  ports: CrawlPorts,
  names: ReadonlySet<RepositoryName>,
  options: RecrawlOptions,
): Promise<FinishedCrawl> {
  const { registry, crawlState } = ports;
  const { clock, found, order } = options;
  const pool = startPool({ ...options, isThorough: false, verifiedCount: 0 });
  const startedAt = clock();
  const reader = createRepositoryReader(registry, ports.manifestCache, pool);
  const wanted = [...names].filter(registry.isWanted);
  await registry.expect(wanted, pool.signal);
  await forEachConcurrently(wanted, pool, async (name) => {
    const before = await crawlState.repository(name);
    const reading = order.begin();
    const record = await reader.read(name, before ?? (await crawlState.pending(name)));
    if (before === undefined && !hasTags(record)) return;
    found.add(name); // before it is saved: a crawl that finishes just then must not delete it
    if (!order.isLatest(name, reading)) return;
    if (before === undefined || !areSame(before, record)) options.noteChange();
    // If the reading failed, keep the content that another crawl may have saved meanwhile.
    const content = record.failure === undefined ? record.content : (await crawlState.repository(name))?.content;
    await crawlState.saveRepository({ ...record, content });
  });
  const illegal = await crawlState.illegalNames();
  const cut = await crawlState.cut();
  return {
    illegal,
    cut,
    assemble: async () => {
      const which = { withPending: false, isWanted: registry.isWanted };
      const isAsked = (name: RepositoryName): boolean => names.has(name);
      const seenAt = () => pulledThroughAt(registry, options.pulledThroughAt, clock());
      const assembled = await assembleAll(ports, reader, { ...pool, pulledThroughAt: seenAt }, which, isAsked);
      return { ...assembled, illegal, cut, startedAt, finishedAt: clock() };
    },
  };
}

/** Returns the result of the crawls so far, from the store alone; undefined if no crawl has finished. */
export async function recall(
  ports: CrawlPorts & Pick<CrawlOptions, 'clock' | 'verifyBlobsPerCrawl'>,
  garbageCollector: AssumedCollector,
): Promise<CrawlResult | undefined> {
  const { registry, crawlState, manifestCache } = ports;
  const assembly = await assemble(ports, { withPending: false, isWanted: registry.isWanted });
  if (assembly.repositories.length === 0) return undefined;
  const seenAt = pulledThroughAt(registry, undefined, ports.clock());
  if (ports.verifyBlobsPerCrawl > 0 && seenAt === undefined) assembly.builder.doubt(await manifestCache.faultyBlobs());
  const collector = GARBAGE_COLLECTORS[garbageCollector.engine];
  await settleKnown(manifestCache, assembly, { isAsked: () => false, isThorough: false, collector });
  let [startedAt, finishedAt] = [Number.POSITIVE_INFINITY, 0];
  for await (const { content } of crawlState.repositories()) {
    startedAt = Math.min(startedAt, content?.readAt ?? startedAt);
    finishedAt = Math.max(finishedAt, content?.readAt ?? 0);
  }
  const [illegal, cut] = [await crawlState.illegalNames(), await crawlState.cut()];
  const { builder, repositories } = assembly;
  const times = { startedAt: Math.min(startedAt, finishedAt), finishedAt };
  const facts = { illegal, cut, garbageCollector, pulledThroughAt: seenAt };
  return { graph: builder.build(), repositories, ...facts, ...times };
}

function hasTags({ content }: RepositoryRecord): boolean {
  return content !== undefined && content.tags.length > 0;
}

/** Adds the parts that the workers of one crawl share: a signal that the first failure aborts, too, and the slots for tags. */
function startPool<T extends { readonly concurrency: number; readonly signal: AbortSignal }>(options: T) {
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  return { ...options, ended, signal, tagSlots: createSemaphore(options.concurrency) };
}

interface BegunCrawl extends CrawlMark {
  readonly isResumed: boolean;
  /** How many blobs to verify. */
  readonly verifiedCount: number;
}

async function beginOrResume(
  crawlState: CrawlState,
  options: Pick<CrawlOptions, 'clock' | 'verifyBlobsPerCrawl'> & CrawlIntervals,
): Promise<BegunCrawl> {
  const { clock, resumeWithinMs, thoroughAfterMs } = options;
  const now = clock();
  const unfinished = await crawlState.unfinished();
  const thoroughAt = await crawlState.lastThoroughAt();
  const begun = ({ isThorough, startedAt }: CrawlMark, isResumed: boolean): BegunCrawl => {
    // The figures of the first crawl are to be shown soon, so it believes the manifests.
    const verifiedCount = isThorough && thoroughAt !== undefined ? options.verifyBlobsPerCrawl : 0;
    return { isThorough, startedAt, isResumed, verifiedCount };
  };
  const ageMs = now - (unfinished?.startedAt ?? now);
  if (unfinished !== undefined && ageMs >= 0 && ageMs <= resumeWithinMs) return begun(unfinished, true);
  const mark = { startedAt: now, isThorough: thoroughAt === undefined || now - thoroughAt >= thoroughAfterMs };
  await crawlState.begin(mark);
  return begun(mark, false);
}

interface AssemblePool
  extends WorkerPool,
    Pick<CrawlOptions, 'clock' | 'collectorDetection' | 'reusable' | 'verifyBlobsPerCrawl'> {
  readonly signal: AbortSignal;
  readonly isThorough: boolean;
  /** How many blobs to verify in this crawl. */
  readonly verifiedCount: number;
  /** Returns when the registry was last seen to be a pull-through cache. */
  readonly pulledThroughAt: () => number | undefined;
}

async function assembleAll(
  ports: CrawlPorts,
  { readBelow }: RepositoryReader,
  pool: AssemblePool,
  which: AssembleOptions,
  isAsked: (name: RepositoryName) => boolean = () => true,
): Promise<Pick<CrawlResult, 'graph' | 'repositories' | 'garbageCollector' | 'pulledThroughAt' | 'referrersRefusal'>> {
  const { reusable, collectorDetection } = pool;
  const earlier = reusable.assembly;
  reusable.assembly = undefined; // a failure from here on would leave a graph that is half changed
  const assembly = await assemble(ports, which, earlier);
  // A pull-through cache fetches every blob that it is asked for, so that no answer shows what it stored before.
  const isCache = pool.pulledThroughAt() !== undefined;
  if (pool.verifyBlobsPerCrawl > 0 && !isCache) assembly.builder.doubt(await ports.manifestCache.faultyBlobs());
  const garbageCollector = which.withPending
    ? await collectorDetection.detect(assembly.repositories, pool.signal)
    : collectorDetection.known();
  const collector = GARBAGE_COLLECTORS[garbageCollector.engine];
  await settleKnown(ports.manifestCache, assembly, { isAsked, isThorough: pool.isThorough, collector });
  const missing = { ...pool, readBelow, isAsked, asksForBlobs: !isCache, collector };
  const asked = await resolveMissing(ports.registry, ports.manifestCache, assembly, missing);
  if (pool.verifiedCount > 0 && !isCache)
    await verifyBlobs(ports.registry, ports.manifestCache, assembly, { ...pool, limit: pool.verifiedCount, asked });
  reusable.assembly = { builder: assembly.builder, roots: assembly.roots };
  const { builder, repositories } = assembly;
  const { referrersRefusal } = reusable;
  const facts = { garbageCollector, pulledThroughAt: pool.pulledThroughAt(), referrersRefusal };
  return { graph: builder.build(), repositories, ...facts };
}
