import type { BlobGraph } from '../../domain/graph/graph.ts';
import { byName, type Digest, type RepositoryName } from '../../domain/names.ts';
import type { RepositoryResult } from '../../domain/snapshot/crawl-result.ts';
import type { GarbageCollector } from '../../domain/usage/garbage-collector.ts';
import type { Clock, ManifestCache, Registry } from '../../ports.ts';
import { atRoot, isWithinBounds, MAX_DEPTH, type Place } from '../bounds.ts';
import { unlessUnavailable } from '../gap-from-error.ts';
import type { ManifestReader } from '../manifest-reader.ts';
import { forEachConcurrently, type WorkerPool } from '../worker-pool.ts';
import type { Assembly } from './assemble.ts';

export interface ResolveMissingOptions extends WorkerPool {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly readBelow: ManifestReader['readBelow'];
  /** Which repositories may be asked. */
  readonly isAsked: (name: RepositoryName) => boolean;
  readonly collector: GarbageCollector;
  /** Whether to ask for blobs: a pull-through cache would fetch and store each of them. */
  readonly asksForBlobs: boolean;
}

/** How many repositories are asked for a blob that is probably lost. Each of them may name it, but one of the first would have it. */
export const MOST_ASKED = 20;

/**
 * Asks for what the first pass could not find, in every repository that reaches it until one has it. Another repository may hold a manifest that
 * this one does not, and only the registry knows the size of a blob whose descriptors do not agree or give none. Returns the digests that it asked for.
 */
export async function resolveMissing(
  registry: Registry,
  cache: ManifestCache,
  { builder, repositories, add }: Assembly,
  options: ResolveMissingOptions,
): Promise<ReadonlySet<Digest>> {
  const { signal, clock, isAsked, asksForBlobs, readBelow, collector } = options;
  const askable = repositories.filter(({ name }) => isAsked(name));
  const asked = new Set<Digest>();
  const isBlob = (digest: Digest, { isSubject }: Missing): boolean => !isSubject && builder.isUnsized(digest);
  const mayAsk = (digest: Digest, one: Missing): boolean =>
    !asked.has(digest) && (isBlob(digest, one) ? asksForBlobs : isWithinBounds(one.place));

  async function settleBlob(digest: Digest, reachedBy: ReadonlySet<RepositoryName>): Promise<void> {
    let hasFailed = false;
    const settle = async (bytes: number | undefined): Promise<void> => {
      builder.settle(digest, bytes);
      const isOtherSize = isOther(bytes, builder.statedBytes(digest));
      await cache.saveBlobCheck(digest, { at: clock(), bytes: bytes ?? null, isOtherSize });
    };
    const isProbablyLost = builder.statedBytes(digest) !== undefined;
    const holders = [...reachedBy].sort(byName);
    for (const repository of isProbablyLost ? holders.slice(0, MOST_ASKED) : holders) {
      const bytes = await registry.blobBytes(repository, digest, signal).catch((error: unknown) => {
        hasFailed = true;
        return unlessUnavailable(error);
      });
      if (bytes !== undefined) return settle(bytes);
    }
    // Only an answer proves that the blob is not stored. If a question failed, the size of a foreign layer is unknown, not 0.
    if (!hasFailed) await settle(undefined);
  }

  async function readElsewhere(digest: Digest, { place, reachedBy }: Missing): Promise<void> {
    for (const repository of [...reachedBy].sort(byName)) {
      if (await readBelow(repository, digest, place)) return add([digest]);
    }
  }

  // A manifest that was found may name others that are missing: repeat until there is nothing new.
  for (;;) {
    const missing = findMissing(builder.build(), askable, collector);
    const fresh = [...missing].filter(([digest, one]) => mayAsk(digest, one)).sort(([a], [b]) => byName(a, b));
    if (fresh.length === 0) return asked;
    await forEachConcurrently(fresh, options, async ([digest, one]) => {
      if (!mayAsk(digest, one)) return; // its root reached the bounds meanwhile; the next round may find it below another root
      asked.add(digest);
      if (isBlob(digest, one)) await settleBlob(digest, one.reachedBy);
      else await readElsewhere(digest, one);
    });
  }
}

/** Returns whether a stored size differs from the one that descriptors state. */
export function isOther(stored: number | undefined, stated: number | undefined): boolean {
  return stored !== undefined && stated !== undefined && stored !== stated;
}

/** How many blobs that were lost at their last check are asked for again in every crawl, so that a new push shows soon. */
const LOST_ASKED_AGAIN = 1000;

export interface SettleKnownOptions {
  /** Which repositories are asked in this crawl. */
  readonly isAsked: (name: RepositoryName) => boolean;
  /** Whether to ask for stored foreign layers again: GitLab's garbage collector deletes them although tags name them. */
  readonly isThorough: boolean;
  readonly collector: GarbageCollector;
}

/**
 * Sets the blob sizes that the registry reported earlier. A digest always has the same size, so that a stored blob is not asked for again here: the
 * verification of blobs does that. But a blob that was not stored may be stored by now, so that answer is used only if no repository that is asked in
 * this crawl reaches the blob.
 */
export async function settleKnown(
  cache: ManifestCache,
  { builder, repositories }: Assembly,
  { isAsked, isThorough, collector }: SettleKnownOptions,
): Promise<void> {
  const graph = builder.build();
  const unsized = [...findMissing(graph, repositories, collector)].filter(
    ([digest, { isSubject }]) => !isSubject && builder.isUnsized(digest),
  );
  const known = await cache.blobChecks(unsized.map(([digest]) => digest));
  const lost: { readonly digest: Digest; readonly at: number }[] = [];
  for (const [digest, { reachedBy }] of unsized) {
    const { bytes, at = 0 } = known.get(digest) ?? {};
    if (bytes === undefined) continue;
    const isReached = [...reachedBy].some(isAsked);
    if (bytes === null && isReached && builder.statedBytes(digest) !== undefined) lost.push({ digest, at });
    const isAskedAgain = isReached && (bytes === null || (isThorough && builder.isForeign(digest)));
    if (!isAskedAgain) builder.settle(digest, bytes ?? undefined);
  }
  lost.sort((a, b) => a.at - b.at || byName(a.digest, b.digest));
  for (const { digest } of lost.slice(LOST_ASKED_AGAIN)) builder.settle(digest, undefined);
}

interface Missing {
  /** The least deep place where the blob is named. */
  place: Place;
  readonly reachedBy: Set<RepositoryName>;
  /** Whether it is named only as the subject of referrers, and therefore a manifest. */
  isSubject: boolean;
}

/** Returns the blobs of unknown size, each with the repositories that keep it. Walks level by level, so that the depth of each is known. */
function findMissing(
  graph: BlobGraph,
  repositories: readonly RepositoryResult[],
  { referrersKeepSubjects }: GarbageCollector,
): ReadonlyMap<Digest, Missing> {
  const missing = new Map<Digest, Missing>();
  if (!graph.isMissing.includes(1)) return missing;
  const visitedBy = new Int32Array(graph.digests.length).fill(-1);
  const rootOf = new Int32Array(graph.digests.length);
  /** By root: counts what it reaches. */
  const places = new Map<number, Place>();
  for (const [number, { name, tags, referrers = [] }] of repositories.entries()) {
    const queue: number[] = [];
    const visit = (node: number, root: number): void => {
      if (visitedBy[node] === number) return;
      visitedBy[node] = number;
      rootOf[node] = root;
      queue.push(node);
    };
    for (const { root } of tags) if (root !== undefined) visit(root, root);
    for (const { referrer } of referrers) visit(referrer, referrer);
    const subjects = new Set<number>();
    for (let at = 0, depth = 0, levelEnd = queue.length; at < queue.length; at++) {
      if (at === levelEnd) [depth, levelEnd] = [depth + 1, queue.length];
      const node = queue[at] ?? 0;
      const root = rootOf[node] ?? 0;
      const place = places.get(root) ?? atRoot();
      places.set(root, place);
      place.root.nodesCount++;
      if (Number.isNaN(graph.bytes[node]))
        addMissing(missing, graph.digests.at(node), { root: place.root, depth }, name, subjects.has(node));
      if (depth > MAX_DEPTH) continue;
      for (const child of graph.children.subarray(graph.childStart[node], graph.childStart[node + 1]))
        visit(child, root);
      const subject = referrersKeepSubjects ? graph.subjects.get(node) : undefined;
      if (subject === undefined || visitedBy[subject] === number) continue;
      subjects.add(subject);
      visit(subject, root);
    }
  }
  return missing;
}

function addMissing(
  missing: Map<Digest, Missing>,
  digest: Digest,
  place: Place,
  repository: RepositoryName,
  isSubject: boolean,
): void {
  const known = missing.get(digest);
  if (known === undefined) {
    missing.set(digest, { place, reachedBy: new Set([repository]), isSubject });
    return;
  }
  if (place.depth < known.place.depth) known.place = place;
  known.reachedBy.add(repository);
  known.isSubject &&= isSubject;
}
