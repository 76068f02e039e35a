import { isReadManifest } from '../../domain/graph/blob-facts.ts';
import { type BlobGraph, childrenOf } from '../../domain/graph/graph.ts';
import type { Digest, RepositoryName } from '../../domain/names.ts';
import { orderInSteps } from '../../domain/order.ts';
import type { RepositoryResult } from '../../domain/snapshot/crawl-result.ts';
import { ranges } from '../../lib/resumable.ts';
import { runYielding, yieldToEventLoop } from '../../lib/yielding.ts';
import type { BlobCheck, Clock, ManifestCache, Registry } from '../../ports.ts';
import type { Assembly } from '../assembly/assemble.ts';
import { isOther, MOST_ASKED } from '../assembly/resolve-missing.ts';
import { unlessUnavailable } from '../gap-from-error.ts';
import { forEachConcurrently, type WorkerPool } from '../worker-pool.ts';

export interface VerifyBlobsOptions extends WorkerPool {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** How many blobs to ask for at most. */
  readonly limit: number;
  /** Blobs that this crawl has asked for already. */
  readonly asked: ReadonlySet<Digest>;
}

/** A blob to ask for, and its last check. */
interface Candidate {
  readonly node: number;
  readonly digest: Digest;
  readonly before: BlobCheck | undefined;
}

/**
 * Asks the registry whether it still stores the layers and configs that tags reach: each with one request, in a repository whose tags reach it. Those
 * whose last check is the oldest come first. A blob that is lost is settled as not stored, after a few more repositories were asked for it.
 */
export async function verifyBlobs(
  registry: Registry,
  cache: ManifestCache,
  { builder, repositories }: Assembly,
  options: VerifyBlobsOptions,
): Promise<void> {
  const { signal, clock } = options;
  const graph = builder.build();
  const holders = await firstHolders(graph, repositories);
  const isCandidate = (digest: Digest): boolean => !options.asked.has(digest) && builder.isBlob(digest);
  const candidates = await chooseOldest(graph, cache, holders, { ...options, isCandidate });
  const absent = new Map<number, Candidate>();

  /** Returns undefined if the repository does not hold the blob, and `null` if the question failed. */
  const ask = async (repository: RepositoryName, digest: Digest): Promise<number | null | undefined> => {
    let hasFailed = false;
    const bytes = await registry
      .blobBytes(repository, digest, signal, builder.statedBytes(digest))
      .catch((error: unknown) => {
        hasFailed = true;
        return unlessUnavailable(error);
      });
    return hasFailed ? null : bytes;
  };

  async function settle({ digest }: Candidate, bytes: number | undefined): Promise<void> {
    const isOtherSize = isOther(bytes, builder.statedBytes(digest));
    builder.settle(digest, bytes);
    await cache.saveBlobCheck(digest, { at: clock(), bytes: bytes ?? null, isOtherSize });
  }

  /** Notes that the blob was asked for, so that others come first the next time. The earlier answer stays. */
  const keep = ({ digest, before }: Candidate): Promise<void> =>
    cache.saveBlobCheck(digest, { bytes: undefined, isOtherSize: false, ...before, at: clock() });

  await forEachConcurrently(candidates, options, async (candidate) => {
    const name = repositories[holders[candidate.node] ?? 0]?.name;
    if (name === undefined) return;
    const bytes = await ask(name, candidate.digest);
    if (bytes === undefined) absent.set(candidate.node, candidate);
    else await (bytes === null ? keep(candidate) : settle(candidate, bytes));
  });
  if (absent.size === 0) return;
  const alsoIn = await furtherHolders(graph, repositories, absent);
  await forEachConcurrently(absent.values(), options, async (candidate) => {
    const first = holders[candidate.node];
    const others = (alsoIn.get(candidate.node) ?? []).filter((place) => place !== first);
    for (const place of others.slice(0, MOST_ASKED - 1)) {
      const bytes = await ask(repositories[place]?.name as RepositoryName, candidate.digest);
      if (bytes === null) return keep(candidate);
      if (bytes !== undefined) return settle(candidate, bytes);
    }
    await settle(candidate, undefined);
  });
}

/** Returns the layers and configs whose last check is the oldest; those without a check first. Equally old ones come in the order of their digests. */
async function chooseOldest(
  graph: BlobGraph,
  cache: ManifestCache,
  holders: Int32Array,
  { clock, limit, isCandidate }: VerifyBlobsOptions & { readonly isCandidate: (digest: Digest) => boolean },
): Promise<readonly Candidate[]> {
  // This crawl has already asked for the blobs whose size is still unknown.
  const nodes = (await runYielding(graph.digests.inOrder())).filter(
    (node) => holders[node] !== NONE && !isReadManifest(graph, node) && !Number.isNaN(graph.bytes[node]),
  );
  const now = clock();
  /** Infinity for what is not to be verified. */
  const checkedAt = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY);
  let count = 0;
  for (const { from, to } of ranges(nodes.length, NODES_PER_STEP)) {
    const digests = Array.from(nodes.subarray(from, to), graph.digests.at);
    const checks = await cache.blobChecks(digests);
    for (const [i, digest] of digests.entries()) {
      if (!isCandidate(digest)) continue;
      count++;
      const at = checks.get(digest)?.at ?? 0;
      checkedAt[from + i] = at > now ? 0 : at; // a check in the future was made while the clock was wrong
    }
    await yieldToEventLoop();
  }
  const valueAt = (position: number): number => checkedAt[position] ?? 0;
  const order = await runYielding(orderInSteps(nodes.length, { kind: 'number', valueAt }, false));
  const chosen = Array.from(order.subarray(0, Math.min(limit, count)), (position) => nodes[position] ?? 0);
  const checks = await cache.blobChecks(chosen.map(graph.digests.at));
  return chosen.map((node) => {
    const digest = graph.digests.at(node);
    return { node, digest, before: checks.get(digest) };
  });
}

/** A few milliseconds of work. */
const NODES_PER_STEP = 1000;
const NONE = -1;
const REPOSITORIES_BETWEEN_YIELDS = 50;

/** Returns for each node the place of the first repository that could be read and whose tags reach it; NONE if there is none. */
async function firstHolders(graph: BlobGraph, repositories: readonly RepositoryResult[]): Promise<Int32Array> {
  const holders = new Int32Array(graph.digests.length).fill(NONE);
  for (const [place, { tags, referrers = [], staleSince }] of repositories.entries()) {
    if (staleSince !== undefined) continue;
    const queue: number[] = [];
    const visit = (node: number): void => {
      if (holders[node] !== NONE) return;
      holders[node] = place;
      queue.push(node);
    };
    for (const { root } of tags) if (root !== undefined) visit(root);
    for (const { referrer } of referrers) visit(referrer);
    for (const node of queue) childrenOf(graph, node).forEach(visit);
    if (place % REPOSITORIES_BETWEEN_YIELDS === 0) await yieldToEventLoop();
  }
  return holders;
}

/** Returns for each of these nodes the places of the first repositories whose tags reach it. */
async function furtherHolders(
  graph: BlobGraph,
  repositories: readonly RepositoryResult[],
  wanted: ReadonlyMap<number, unknown>,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const holders = new Map<number, number[]>();
  const visitedBy = new Int32Array(graph.digests.length).fill(NONE);
  for (const [place, { tags, referrers = [], staleSince }] of repositories.entries()) {
    if (staleSince !== undefined) continue;
    const queue: number[] = [];
    const visit = (node: number): void => {
      if (visitedBy[node] === place) return;
      visitedBy[node] = place;
      queue.push(node);
      if (!wanted.has(node)) return;
      const known = holders.get(node);
      if (known === undefined) holders.set(node, [place]);
      else if (known.length < MOST_ASKED) known.push(place);
    };
    for (const { root } of tags) if (root !== undefined) visit(root);
    for (const { referrer } of referrers) visit(referrer);
    for (const node of queue) childrenOf(graph, node).forEach(visit);
    if (place % REPOSITORIES_BETWEEN_YIELDS === 0) await yieldToEventLoop();
  }
  return holders;
}
