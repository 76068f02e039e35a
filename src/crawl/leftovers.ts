import type { BlobGraph } from '../domain/graph.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { Registry } from '../ports.ts';
import { type Bounds, DEEPEST_NESTING, type Place } from './bounds.ts';
import { unlessUnavailable } from './failures.ts';
import type { RepositoryFinding } from './findings.ts';
import { forEachLimited, type Workers } from './limited.ts';
import type { Reader } from './reader.ts';

/**
 * Asks for what the first pass left open, in every repository that reaches it until one has it: a manifest that one repository
 * does not hold may be held by another, and the bytes of blobs that no descriptor settles are known to the registry only.
 */
export async function askElsewhere(
  registry: Registry,
  { builder, bounds, readBelow }: Reader,
  repositories: readonly RepositoryFinding[],
  workers: Workers & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = workers;
  const asked = new Set<Digest>();
  const mayAsk = (digest: Digest, place: Place) =>
    !asked.has(digest) && (builder.isUnsized(digest) || bounds.allow(place));
  async function settleBlob(digest: Digest, reachedBy: ReadonlySet<RepositoryName>): Promise<void> {
    let isRefused = false;
    for (const repository of [...reachedBy].sort(byName)) {
      const bytes = await registry.blobBytes(repository, digest, signal).catch((error: unknown) => {
        isRefused = true;
        return unlessUnavailable(error);
      });
      if (bytes !== undefined) return builder.settle(digest, bytes);
    }
    // Only who answers that it is not there says so: a foreign layer that nobody could ask for is unknown, and not 0.
    if (!isRefused) builder.settle(digest, undefined);
  }

  // A manifest that is found may name others that are missing: again, until nothing new comes up.
  for (;;) {
    const open = missingIn(builder.build(), repositories, bounds);
    const fresh = [...open].filter(([digest, { place }]) => mayAsk(digest, place)).sort(([a], [b]) => byName(a, b));
    if (fresh.length === 0) return;
    await forEachLimited(fresh, workers, async ([digest, { place, reachedBy }]) => {
      if (!mayAsk(digest, place)) return; // its root was exhausted meanwhile: another may reach it in the next round
      asked.add(digest);
      const isBlob = builder.isUnsized(digest);
      if (isBlob) await settleBlob(digest, reachedBy);
      else for (const repository of [...reachedBy].sort(byName)) if (await readBelow(repository, digest, place)) break;
    });
  }
}

interface Missing {
  /** The one that is the least deep. */
  place: Place;
  readonly reachedBy: Set<RepositoryName>;
}

/** The missing blobs, each with the repositories whose tags reach it; level by level, so that how deep each lies is known. */
function missingIn(
  graph: BlobGraph,
  repositories: readonly RepositoryFinding[],
  bounds: Bounds,
): ReadonlyMap<Digest, Missing> {
  const missing = new Map<Digest, Missing>();
  if (!graph.isMissing.includes(1)) return missing;
  const visitedBy = new Int32Array(graph.digests.length).fill(-1);
  const rootOf = new Int32Array(graph.digests.length);
  for (const [number, { name, tags }] of repositories.entries()) {
    const queue: number[] = [];
    const visit = (node: number, root: number): void => {
      if (visitedBy[node] === number) return;
      visitedBy[node] = number;
      rootOf[node] = root;
      queue.push(node);
    };
    for (const { root } of tags) if (root !== undefined && !bounds.isExhausted(root)) visit(root, root);
    for (let at = 0, depth = 0, levelEnd = queue.length; at < queue.length; at++) {
      if (at === levelEnd) [depth, levelEnd] = [depth + 1, queue.length];
      const node = queue[at] ?? 0;
      const root = rootOf[node] ?? 0;
      if (graph.isMissing[node] === 1) note(missing, graph.digests[node] as Digest, { root, depth }, name);
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
