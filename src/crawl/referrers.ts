import type { BlobGraph } from '../domain/graph.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { Registry } from '../ports.ts';
import type { Place } from './bounds.ts';
import { unlessUnavailable } from './failures.ts';
import type { RepositoryFinding } from './findings.ts';
import { forEachLimited, type Workers } from './limited.ts';
import type { Reader } from './reader.ts';

/** A manifest, and a repository to ask what refers to it there. */
interface Question {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly place: Place;
}

/**
 * Hangs under every manifest what refers to it (OCI distribution-spec, "Listing Referrers"), in each of the repositories that hold it, since
 * a registry lists referrers by repository. A registry that does not know how is asked once.
 */
export async function hangReferrers(
  registry: Registry,
  reader: Reader,
  repositories: readonly RepositoryFinding[],
  workers: Workers & { readonly signal: AbortSignal },
): Promise<void> {
  const asked = new Set<string>();
  let isSupported = true;

  async function ask({ repository, digest, place }: Question): Promise<void> {
    asked.add(keyOf(repository, digest));
    const listed = await registry.referrers(repository, digest, workers.signal).catch((error: unknown) => {
      unlessUnavailable(error);
      reader.builder.markPartial(digest);
      return [];
    });
    if (listed === undefined && asked.size === 1) isSupported = false;
    for (const referrer of listed ?? []) await reader.readReferrer(repository, digest, referrer, place);
  }

  const probe = firstQuestion(reader, repositories);
  if (probe === undefined) return;
  await ask(probe);
  // What refers to something may be referred to itself: again, until nothing new comes up.
  while (isSupported) {
    const questions = questionsIn(reader, repositories, asked);
    if (questions.length === 0) return;
    await forEachLimited(questions, workers, ask);
  }
}

/** Some tag's manifest: whatever the answer, it tells whether there are answers. */
function firstQuestion({ builder }: Reader, repositories: readonly RepositoryFinding[]): Question | undefined {
  for (const { name, tags } of repositories) {
    for (const { root } of tags) {
      if (root === undefined) continue;
      return { repository: name, digest: builder.build().digests[root] as Digest, place: { root, depth: 0 } };
    }
  }
  return undefined;
}

/** Every manifest that a repository's tags reach, and that was not asked about there. */
function questionsIn(
  { builder, bounds }: Reader,
  repositories: readonly RepositoryFinding[],
  asked: ReadonlySet<string>,
): Question[] {
  const graph = builder.build();
  const visitedBy = new Int32Array(graph.digests.length).fill(-1);
  const questions: Question[] = [];
  for (const [number, { name, tags }] of repositories.entries()) {
    for (const { root } of tags) {
      if (root === undefined) continue;
      const queue = [{ node: root, place: { root, depth: 0 } }];
      for (const { node, place } of queue) {
        if (visitedBy[node] === number || !graph.manifests.has(node) || !bounds.allow(place)) continue;
        visitedBy[node] = number;
        const digest = graph.digests[node] as Digest;
        if (!asked.has(keyOf(name, digest))) questions.push({ repository: name, digest, place });
        for (const child of childrenOf(graph, node))
          queue.push({ node: child, place: { root, depth: place.depth + 1 } });
      }
    }
  }
  return questions.sort((a, b) => byName(a.repository, b.repository) || byName(a.digest, b.digest));
}

function childrenOf(graph: BlobGraph, node: number): Uint32Array {
  return graph.children.subarray(graph.childStart[node], graph.childStart[node + 1]);
}

function keyOf(repository: RepositoryName, digest: Digest): string {
  return `${repository}@${digest}`;
}
