import fc from 'fast-check';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { NamespaceUsage, RepositoryUsage, Snapshot, TagFigures } from '../../src/domain/snapshot/snapshot.ts';
import type { NodeName } from '../../src/domain/snapshot/snapshot-nodes.ts';
import type { SnapshotOccasion } from '../../src/ports.ts';
import type { Retention } from '../../src/store/store.ts';
import { DAY_MS, figuresOf } from './memory-store.ts';
import { crawlOf, figures } from './sample-registry-content.ts';

/* Random series of snapshots, to compare the history of a store with that of another one. */

/** Short enough that a series outlives it. */
export const SHORT_RETENTION: Retention = { allMs: 2 * DAY_MS, dailyMs: 6 * DAY_MS };

const REGISTRY: NodeName = { kind: 'registry', path: '', tag: '' };
const OTHER_NODES: readonly NodeName[] = [
  { kind: 'namespace', path: 'a', tag: '' },
  { kind: 'namespace', path: 'a-b', tag: '' },
  { kind: 'repository', path: 'a', tag: '' },
  { kind: 'repository', path: 'a-b', tag: '' },
  { kind: 'repository', path: 'a/b', tag: '' },
  { kind: 'tag', path: 'a', tag: '1' },
  { kind: 'tag', path: 'a', tag: '10' },
  { kind: 'tag', path: 'a', tag: '2' },
  { kind: 'tag', path: 'a-b', tag: '1' },
  { kind: 'tag', path: 'a/b', tag: '1' },
];
/** Every node that a snapshot of a series may contain. */
export const SERIES_NODES: readonly NodeName[] = [REGISTRY, ...OTHER_NODES];

/** The size of each of the other nodes; null is unknown, and undefined means that the snapshot does not contain the node. */
export type Sizes = readonly (number | null | undefined)[];

export interface SeriesStep {
  /** How far the clock moves before the snapshot: also back, and years. */
  readonly minutes: number;
  readonly occasion: SnapshotOccasion;
  readonly sizes: Sizes;
}

const minutes = fc.oneof(
  { weight: 9, arbitrary: fc.nat(40 * 60) },
  { weight: 9, arbitrary: fc.nat(40) },
  fc.constantFrom(-90, -9_000_000, 9_000_000),
);
const step: fc.Arbitrary<SeriesStep> = fc.record({
  minutes,
  occasion: fc.constantFrom<SnapshotOccasion>('crawl', 'notification'),
  sizes: fc.array(fc.constantFrom(undefined, null, 1, 2), {
    minLength: OTHER_NODES.length,
    maxLength: OTHER_NODES.length,
  }),
});

/** Snapshots, and restarts between them. */
export const series: fc.Arbitrary<readonly (SeriesStep | 'restart')[]> = fc.array(
  fc.oneof(step, fc.constant('restart' as const)),
  { maxLength: 14 },
);

/** The snapshot at a time with nodes of these sizes. The registry is always there, and a tag only with its repository. */
export function snapshotWith(sizes: Sizes, at: number): Snapshot {
  const nodes = OTHER_NODES.flatMap((name, i) => {
    const size = sizes[i];
    return size === undefined ? [] : [{ ...name, ...figures(size) }];
  });
  const of = (kind: NodeName['kind']) => nodes.filter((node) => node.kind === kind);
  const tagsOf = (repository: string): readonly TagFigures[] =>
    of('tag')
      .filter(({ path }) => path === repository)
      .map((node) => ({
        ...figuresOf(node),
        name: node.tag as TagName,
        status: 'ok',
        manifest: null,
        lastPulledAt: null,
      }));
  const repositories = of('repository').map(
    (node): RepositoryUsage => ({
      ...figuresOf(node),
      name: node.path as RepositoryName,
      namespace: undefined,
      tags: tagsOf(node.path),
      staleSince: null,
    }),
  );
  const namespaces = of('namespace').map(
    (node): NamespaceUsage => ({ ...figuresOf(node), path: node.path, namespace: undefined }),
  );
  return { ...crawlOf([], at).snapshot, figures: figures(0), namespaces, repositories };
}
