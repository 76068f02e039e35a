import type { BlobGraph } from '../src/domain/graph/graph.ts';
import { GraphBuilder } from '../src/domain/graph/graph-builder.ts';
import { byName, type RepositoryName } from '../src/domain/names.ts';
import { buildTree, REGISTRY_NODE } from '../src/domain/usage/tree.ts';
import { measure } from '../test/support/measure.ts';

const LAYERS_PER_TAG = 10;
/** A base image of these is shared by every fifty tags; the rest of a tag's layers are its own. */
const SHARED_LAYERS_PER_TAG = 6;
const TAGS_PER_BASE = 50;

/** How many tags a repository has, and how many repositories a project, in each of a hundred groups. */
const TAGS_PER_REPOSITORY = 50;
const REPOSITORIES_PER_PROJECT = 4;
const GROUPS = 100;

/** All figures at every node of a registry of so many tags, as one JSON line: milliseconds, and the peak of the whole process. */
function main(tagsCount: number): void {
  const { graph, roots } = syntheticRegistry(tagsCount);
  const repositories = syntheticRepositories(tagsCount);
  const startedAt = performance.now();
  const tree = buildTree(repositories);
  const usage = measure(graph, tree, roots);
  const measureMs = Math.round(performance.now() - startedAt);
  const startOfLoop = performance.now();
  const edgesSum = bareLoop(graph.children);
  const bareLoopMs = Math.round((performance.now() - startOfLoop) * 10) / 10;
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  const [diskSizeBytes, deduplicatedBytes, metadataBytes] = [
    usage.diskSizeBytes,
    usage.deduplicatedBytes,
    usage.metadataBytes,
  ].map((bytes) => bytes[REGISTRY_NODE]);
  if ((diskSizeBytes ?? 0) + (metadataBytes ?? 0) !== deduplicatedBytes) throw new Error('the figures do not add up');
  const edges = graph.children.length;
  const nodes = tree.parent.length;
  console.log(JSON.stringify({ tagsCount, edges, nodes, measureMs, bareLoopMs, peakMiB, diskSizeBytes, edgesSum }));
}

function syntheticRepositories(tagsCount: number): { name: RepositoryName; tagsCount: number }[] {
  const repositories = Array.from({ length: Math.ceil(tagsCount / TAGS_PER_REPOSITORY) }, (_, i) => {
    const project = Math.floor(i / REPOSITORIES_PER_PROJECT);
    const name = `group${project % GROUPS}/project${project}/image${i}` as RepositoryName;
    return { name, tagsCount: Math.min(TAGS_PER_REPOSITORY, tagsCount - i * TAGS_PER_REPOSITORY) };
  });
  return repositories.sort((a, b) => byName(a.name, b.name));
}

/** The limit: reading every edge once, and nothing else. */
function bareLoop(edges: Uint32Array): number {
  let sum = 0;
  for (const edge of edges) sum += edge;
  return sum;
}

/** Tags are nodes 0 to tagsCount - 1; behind them come the base layers, then the tags' own. */
function syntheticRegistry(tagsCount: number): { graph: BlobGraph; roots: Int32Array } {
  const own = LAYERS_PER_TAG - SHARED_LAYERS_PER_TAG;
  const firstBase = tagsCount;
  const firstOwn = firstBase + Math.ceil(tagsCount / TAGS_PER_BASE) * SHARED_LAYERS_PER_TAG;
  const nodesCount = firstOwn + tagsCount * own;
  const children = new Uint32Array(tagsCount * LAYERS_PER_TAG);
  for (let tag = 0; tag < tagsCount; tag++) {
    for (let i = 0; i < LAYERS_PER_TAG; i++) {
      const base = firstBase + Math.floor(tag / TAGS_PER_BASE) * SHARED_LAYERS_PER_TAG + i;
      children[tag * LAYERS_PER_TAG + i] =
        i < SHARED_LAYERS_PER_TAG ? base : firstOwn + tag * own + i - SHARED_LAYERS_PER_TAG;
    }
  }
  const graph: BlobGraph = {
    ...new GraphBuilder().build(),
    bytes: new Float64Array(nodesCount).map((_, node) => 1000 + (node % 977)),
    isLayer: new Uint8Array(nodesCount).fill(1, firstBase),
    isMissing: new Uint8Array(nodesCount),
    childStart: new Uint32Array(nodesCount + 1).map((_, node) => Math.min(node, tagsCount) * LAYERS_PER_TAG),
    children,
  };
  return { graph, roots: new Int32Array(tagsCount).map((_, tag) => tag) };
}

main(Number(process.argv[2] ?? 100_000));
