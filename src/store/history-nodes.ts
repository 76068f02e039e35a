import { byName } from '../domain/names.ts';
import type { Figures, Snapshot } from '../domain/snapshot/snapshot.ts';

/** What names a node of the tree: namespaces and repositories may have the same path. */
export interface NodeName {
  readonly kind: 'namespace' | 'registry' | 'repository' | 'tag';
  /** '' of the registry; of a tag that of its repository. */
  readonly path: string;
  /** '' but for tags. */
  readonly tag: string;
}

export interface NodeFigures {
  readonly name: NodeName;
  readonly figures: Figures;
}

/** Every node of a snapshot, in the order of `compareNodes`. */
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

/** The order that the database has them in too. */
export function compareNodes(a: NodeName, b: NodeName): number {
  return byName(a.kind, b.kind) || byName(a.path, b.path) || byName(a.tag, b.tag);
}
