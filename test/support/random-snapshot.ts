import type fc from 'fast-check';
import { NO_ROOT } from '../../src/domain/graph/reachable-blobs.ts';
import type { TagName } from '../../src/domain/names.ts';
import type { TagResult } from '../../src/domain/snapshot/crawl-result.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { toSnapshot } from '../../src/domain/snapshot/to-snapshot.ts';
import { type RandomRegistry, randomRegistry } from './random-registry.ts';
import { SAMPLE_COLLECTOR } from './sample-snapshot.ts';

/** Snapshots of random registries, with broken tags, gaps and unknown figures. */
export const randomSnapshot: fc.Arbitrary<Snapshot> = randomRegistry.map((registry) => snapshotOf(registry, 0));

export function snapshotOf({ graph, roots, tags, repositories }: RandomRegistry, finishedAt: number): Snapshot {
  let position = 0;
  const results = repositories.map(({ name, tagsCount }) => ({
    name,
    gap: undefined,
    staleSince: undefined,
    tags: Array.from({ length: tagsCount }, (): TagResult => {
      const tag = tags[position]?.name as TagName;
      const root = roots[position++] ?? NO_ROOT;
      if (root !== NO_ROOT) return { name: tag, root, lastPulledAt: position % 3 === 0 ? undefined : position };
      const gap = { repository: name, reference: tag, code: 'missing' as const, reason: '=gone, "quite"\n' };
      return { name: tag, root: undefined, lastPulledAt: undefined, gap };
    }),
  }));
  return toSnapshot({
    graph,
    repositories: results,
    garbageCollector: SAMPLE_COLLECTOR,
    illegal: new Set(['+Il,legal']),
    startedAt: 0,
    finishedAt,
  });
}
