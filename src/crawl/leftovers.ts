import type { BlobGraph } from '../domain/graph.ts';
import type { GraphBuilder } from '../domain/graph-builder.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { Registry } from '../ports.ts';
import { unlessUnavailable } from './failures.ts';
import type { RepositoryFinding } from './findings.ts';
import { forEachLimited, type Workers } from './limited.ts';

/**
 * Asks for what the first pass left open, in every repository that reaches it until one has it: a manifest that one repository
 * does not hold may be held by another, and the bytes of blobs that no descriptor settles are known to the registry only.
 */
export async function askElsewhere(
  registry: Registry,
  builder: GraphBuilder,
  repositories: readonly RepositoryFinding[],
  readManifest: (repository: RepositoryName, digest: Digest) => Promise<boolean>,
  workers: Workers & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = workers;
  const asked = new Set<Digest>();
  // A manifest that is found may name others that are missing: again, until nothing new comes up.
  for (;;) {
    const open = missingReachedBy(builder.build(), repositories);
    const fresh = [...open].filter(([digest]) => !asked.has(digest)).sort(([a], [b]) => byName(a, b));
    if (fresh.length === 0) return;
    await forEachLimited(fresh, workers, async ([digest, reachedBy]) => {
      asked.add(digest);
      const isBlob = builder.isUnsized(digest);
      let bytes: number | undefined;
      for (const repository of [...reachedBy].sort(byName)) {
        if (isBlob) bytes = await registry.blobBytes(repository, digest, signal).catch(unlessUnavailable);
        if (isBlob ? bytes !== undefined : await readManifest(repository, digest)) break;
      }
      if (isBlob) builder.settle(digest, bytes);
    });
  }
}

/** The missing blobs, each with the repositories whose tags reach it. */
function missingReachedBy(
  graph: BlobGraph,
  repositories: readonly RepositoryFinding[],
): ReadonlyMap<Digest, ReadonlySet<RepositoryName>> {
  const missing = new Map<Digest, Set<RepositoryName>>();
  if (!graph.isMissing.includes(1)) return missing;
  const visitedBy = new Int32Array(graph.digests.length).fill(-1);
  for (const [number, { name, tags }] of repositories.entries()) {
    const stack = tags.flatMap((tag) => tag.root ?? []);
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (visitedBy[node] === number) continue;
      visitedBy[node] = number;
      stack.push(...graph.children.subarray(graph.childStart[node], graph.childStart[node + 1]));
      if (graph.isMissing[node] !== 1) continue;
      const digest = graph.digests[node] as Digest;
      const reachedBy = missing.get(digest);
      if (reachedBy === undefined) missing.set(digest, new Set([name]));
      else reachedBy.add(name);
    }
  }
  return missing;
}
