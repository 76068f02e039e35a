import type { BlobGraph } from '../domain/graph/graph.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { RepositoryResult } from '../domain/snapshot/crawl-result.ts';
import type { Catalogue, Registry } from '../ports.ts';
import type { Assembly } from './assemble.ts';
import { atRoot, DEEPEST_NESTING, isWithinBounds, type Place } from './bounds.ts';
import { unlessUnavailable } from './gap-from-error.ts';
import type { Reader } from './manifest-reader.ts';
import { forEachLimited, type Workers } from './worker-pool.ts';

export interface ResolveMissingOptions extends Workers {
  readonly signal: AbortSignal;
  /** Which repositories may be asked. */
  readonly isAsked: (name: RepositoryName) => boolean;
}

/**
 * Asks for what the first pass left open, in every repository that reaches it until one has it: a manifest that one repository
 * does not hold may be held by another, and the bytes of blobs that no descriptor settles are known to the registry only.
 */
export async function resolveMissing(
  registry: Registry,
  catalogue: Catalogue,
  { readBelow }: Pick<Reader, 'readBelow'>,
  { builder, repositories, add }: Assembly,
  options: ResolveMissingOptions,
): Promise<void> {
  const { signal, isAsked } = options;
  const askable = repositories.filter(({ name }) => isAsked(name));
  const asked = new Set<Digest>();
  const mayAsk = (digest: Digest, place: Place): boolean =>
    !asked.has(digest) && (builder.isUnsized(digest) || isWithinBounds(place));

  async function settleBlob(digest: Digest, reachedBy: ReadonlySet<RepositoryName>): Promise<void> {
    let isRefused = false;
    const settle = async (bytes: number | undefined): Promise<void> => {
      builder.settle(digest, bytes);
      await catalogue.saveBlobBytes(digest, bytes ?? null);
    };
    for (const repository of [...reachedBy].sort(byName)) {
      const bytes = await registry.blobBytes(repository, digest, signal).catch((error: unknown) => {
        isRefused = true;
        return unlessUnavailable(error);
      });
      if (bytes !== undefined) return settle(bytes);
    }
    // Only who answers that it is not there says so: a foreign layer that nobody could ask for is unknown, and not 0.
    if (!isRefused) await settle(undefined);
  }

  async function readElsewhere(digest: Digest, { place, reachedBy }: Missing): Promise<void> {
    for (const repository of [...reachedBy].sort(byName)) {
      if (await readBelow(repository, digest, place)) return add([digest]);
    }
  }

  // A manifest that is found may name others that are missing: again, until nothing new comes up.
  for (;;) {
    const open = missingIn(builder.build(), askable);
    const fresh = [...open].filter(([digest, { place }]) => mayAsk(digest, place)).sort(([a], [b]) => byName(a, b));
    if (fresh.length === 0) return;
    await forEachLimited(fresh, options, async ([digest, missing]) => {
      if (!mayAsk(digest, missing.place)) return; // its root was exhausted meanwhile: another may reach it in the next round
      asked.add(digest);
      if (builder.isUnsized(digest)) await settleBlob(digest, missing.reachedBy);
      else await readElsewhere(digest, missing);
    });
  }
}

/**
 * Settles the sizes that the registry was asked for before. What it stores does not change; what it did not store it may store by now, so that
 * this is believed only of repositories that are not asked again.
 */
export async function settleKnown(
  catalogue: Catalogue,
  { builder, repositories }: Assembly,
  isAsked: (name: RepositoryName) => boolean,
): Promise<void> {
  const graph = builder.build();
  const unsized = [...missingIn(graph, repositories)].filter(([digest]) => builder.isUnsized(digest));
  const known = await catalogue.blobBytes(unsized.map(([digest]) => digest));
  for (const [digest, { reachedBy }] of unsized) {
    const bytes = known.get(digest);
    if (bytes === undefined || (bytes === null && [...reachedBy].some(isAsked))) continue;
    builder.settle(digest, bytes ?? undefined);
  }
}

interface Missing {
  /** The one that is the least deep. */
  place: Place;
  readonly reachedBy: Set<RepositoryName>;
}

/** The missing blobs, each with the repositories whose tags reach it; level by level, so that how deep each lies is known. */
function missingIn(graph: BlobGraph, repositories: readonly RepositoryResult[]): ReadonlyMap<Digest, Missing> {
  const missing = new Map<Digest, Missing>();
  if (!graph.isMissing.includes(1)) return missing;
  const visitedBy = new Int32Array(graph.digests.length).fill(-1);
  const rootOf = new Int32Array(graph.digests.length);
  /** How much each root reaches. */
  const below = new Map<number, Place>();
  for (const [number, { name, tags }] of repositories.entries()) {
    const queue: number[] = [];
    const visit = (node: number, root: number): void => {
      if (visitedBy[node] === number) return;
      visitedBy[node] = number;
      rootOf[node] = root;
      queue.push(node);
    };
    for (const { root } of tags) if (root !== undefined) visit(root, root);
    for (let at = 0, depth = 0, levelEnd = queue.length; at < queue.length; at++) {
      if (at === levelEnd) [depth, levelEnd] = [depth + 1, queue.length];
      const node = queue[at] ?? 0;
      const root = rootOf[node] ?? 0;
      const place = below.get(root) ?? atRoot();
      below.set(root, place);
      place.root.nodesCount++;
      if (graph.isMissing[node] === 1)
        note(missing, graph.digests.at(node) as Digest, { root: place.root, depth }, name);
      if (depth > DEEPEST_NESTING) continue;
      for (const child of graph.children.subarray(graph.childStart[node], graph.childStart[node + 1]))
        visit(child, root);
    }
  }
  return missing;
}

function note(missing: Map<Digest, Missing>, digest: Digest, place: Place, repository: RepositoryName): void {
  const known = missing.get(digest);
  if (known === undefined) {
    missing.set(digest, { place, reachedBy: new Set([repository]) });
    return;
  }
  if (place.depth < known.place.depth) known.place = place;
  known.reachedBy.add(repository);
}
