import { byName } from '../names.ts';
import type { Figures, Snapshot } from './snapshot.ts';

/** Identifies a node of the tree across snapshots. The kind is needed: a namespace and a repository may have the same path. */
export interface NodeName {
  readonly kind: 'namespace' | 'registry' | 'repository' | 'tag';
  /** '' for the registry; for a tag, the path of its repository. */
  readonly path: string;
  /** '' unless the node is a tag. */
  readonly tag: string;
}

export interface NodeFigures {
  readonly name: NodeName;
  readonly figures: Figures;
}

/** Yields every node of a snapshot, in the order of `compareNodes`. */
export function* nodesOf({ figures, namespaces, repositories }: Snapshot): Generator<NodeFigures> {
  for (const namespace of namespaces) {
    yield { name: { kind: 'namespace', path: namespace.path, tag: '' }, figures: namespace };
  }
  yield { name: { kind: 'registry', path: '', tag: '' }, figures };
  for (const repository of repositories) {
    yield { name: { kind: 'repository', path: repository.name, tag: '' }, figures: repository };
  }
  for (const { name, tags } of repositories) {
    for (const tag of tags) yield { name: { kind: 'tag', path: name, tag: tag.name }, figures: tag };
  }
}

/** Orders nodes by kind, path and tag, each as bytes: the order in which a database sorts them too. */
export function compareNodes(a: NodeName, b: NodeName): number {
  return byName(a.kind, b.kind) || byName(a.path, b.path) || byName(a.tag, b.tag);
}
