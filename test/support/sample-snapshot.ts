import { GraphBuilder } from '../../src/domain/graph/graph-builder.ts';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Figures, RepositoryUsage, Snapshot, TagFigures } from '../../src/domain/snapshot/snapshot.ts';
import { toSnapshot } from '../../src/domain/snapshot/to-snapshot.ts';
import type { AssumedCollector } from '../../src/domain/usage/garbage-collector.ts';

export const SAMPLE_COLLECTOR: AssumedCollector = { engine: 'distribution-3', reason: 'chosen for the test' };

/** A snapshot of an empty registry. */
export function emptySnapshot(finishedAt: number): Snapshot {
  const graph = new GraphBuilder().build();
  return toSnapshot({
    graph,
    repositories: [],
    illegal: new Set(),
    garbageCollector: SAMPLE_COLLECTOR,
    startedAt: 0,
    finishedAt,
  });
}

/** Returns figures with these values; the other sizes are null. */
export function figures(sizeBytes: number | null, diskSizeBytes: number | null, tagsCount: number): Figures {
  const unknown = { deduplicatedBytes: null, reclaimableBytes: null, metadataBytes: null, databaseBytes: null };
  return { ...unknown, sizeBytes, diskSizeBytes, tagsCount, isComplete: sizeBytes !== null };
}

export function sampleTag(name: string, sizeBytes: number | null, diskSizeBytes: number | null): TagFigures {
  return {
    ...figures(sizeBytes, diskSizeBytes, 1),
    name: name as TagName,
    status: 'ok',
    manifest: null,
    lastPulledAt: null,
  };
}

export function sampleRepository(
  name: string,
  sizeBytes: number | null,
  diskSizeBytes: number | null,
  tags: readonly TagFigures[],
): RepositoryUsage {
  return {
    ...figures(sizeBytes, diskSizeBytes, tags.length),
    name: name as RepositoryName,
    namespace: undefined,
    staleSince: null,
    tags: tags.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
