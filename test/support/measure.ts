import type { BlobGraph } from '../../src/domain/graph/graph.ts';
import { GARBAGE_COLLECTORS } from '../../src/domain/usage/garbage-collector.ts';
import type { Holdings } from '../../src/domain/usage/kept-blobs.ts';
import type { Tree } from '../../src/domain/usage/tree.ts';
import { measureInSteps, type Usage } from '../../src/domain/usage/usage.ts';
import { runToEnd } from '../../src/lib/resumable.ts';

/** Computes the figures without a pause, by default for a collector that keeps only what tags contain. */
export function measure(
  graph: BlobGraph,
  tree: Tree,
  roots: Int32Array,
  holdings: Holdings = { collector: GARBAGE_COLLECTORS['distribution-3'], referrers: [] },
): Usage {
  return runToEnd(measureInSteps(graph, tree, roots, holdings));
}
