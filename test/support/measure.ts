import type { BlobGraph } from '../../src/domain/graph/graph.ts';
import type { Tree } from '../../src/domain/usage/tree.ts';
import { measureInSteps, type Usage } from '../../src/domain/usage/usage.ts';
import { runToEnd } from '../../src/lib/resumable.ts';

/** Computes the figures without a pause. */
export function measure(graph: BlobGraph, tree: Tree, roots: Int32Array): Usage {
  return runToEnd(measureInSteps(graph, tree, roots));
}
