import type { BlobGraph } from '../src/domain/graph/graph.ts';
import { GraphBuilder } from '../src/domain/graph/graph-builder.ts';
import { byName, type RepositoryName } from '../src/domain/names.ts';
import { buildTree, REGISTRY_NODE } from '../src/domain/usage/tree.ts';
import { measure } from '../test/support/measure.ts';

const LAYERS_PER_TAG = 10;
/** Every fifty tags share a base image of six layers. The other four layers of a tag are its own. */
const SHARED_LAYERS_PER_TAG = 6;
const TAGS_PER_BASE = 50;

/** Each of a hundred groups has projects of four repositories, with fifty tags each. */
const TAGS_PER_REPOSITORY = 50;
const REPOSITORIES_PER_PROJECT = 4;
const GROUPS = 100;

/** Computes all figures of every node of a synthetic registry, and prints one JSON line with the time and the peak memory of this process. */
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

/** Reads every edge once and does nothing else: no algorithm can be faster. */
function bareLoop(edges: Uint32Array): number {
  let sum = 0;
  for (const edge of edges) sum += edge;
  return sum;
}

/** Nodes 0 to tagsCount - 1 are the tags. The base layers follow, and then the layers that belong to one tag each. */
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
