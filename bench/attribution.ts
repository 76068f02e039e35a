import type { BlobGraph } from '../src/domain/graph.ts';
import { attribute } from '../src/domain/usage.ts';

const LAYERS_PER_TAG = 10;
/** A base image of these is shared by every fifty tags; the rest of a tag's layers are its own. */
const SHARED_LAYERS_PER_TAG = 6;
const TAGS_PER_BASE = 50;

/** Charges every layer of a registry of so many tags to its owner, and prints one JSON line: milliseconds, and the peak of the whole process. */
function main(tagsCount: number): void {
  const { graph, roots } = syntheticRegistry(tagsCount);
  const startedAt = performance.now();
  const usage = attribute(graph, roots);
  const attributeMs = Math.round(performance.now() - startedAt);
  const startOfLoop = performance.now();
  const edgesSum = bareLoop(graph.children);
  const bareLoopMs = Math.round((performance.now() - startOfLoop) * 10) / 10;
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  const diskSizeBytes = usage.diskSizeBytes.reduce((sum, bytes) => sum + bytes, 0);
  console.log(
    JSON.stringify({
      tagsCount,
      edges: graph.children.length,
      attributeMs,
      bareLoopMs,
      peakMiB,
      diskSizeBytes,
      edgesSum,
    }),
  );
}

/** The limit: reading every edge once, and nothing else. */
function bareLoop(edges: Uint32Array): number {
  let sum = 0;
  for (const edge of edges) sum += edge;
  return sum;
}

/** Tags are nodes 0 to tagsCount - 1; behind them come the base layers, then the tags' own. */
function syntheticRegistry(tagsCount: number): { graph: BlobGraph; roots: Uint32Array } {
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
    digests: [],
    bytes: new Float64Array(nodesCount).map((_, node) => 1000 + (node % 977)),
    isLayer: new Uint8Array(nodesCount).fill(1, firstBase),
    isMissing: new Uint8Array(nodesCount),
    childStart: new Uint32Array(nodesCount + 1).map((_, node) => Math.min(node, tagsCount) * LAYERS_PER_TAG),
    children,
  };
  return { graph, roots: new Uint32Array(tagsCount).map((_, tag) => tag) };
}

main(Number(process.argv[2] ?? 100_000));
