import { noProgress } from '../../src/crawl/progress.ts';
import { createSnapshots, type SnapshotsOptions } from '../../src/crawl/snapshots.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Registry } from '../../src/ports.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

function fail(failure: Error): never {
  throw failure;
}

/** What takes snapshots as the service does, with so many requests at once, and keeps them in memory. */
export function snapshotsOptions(
  registry: Registry,
  width: number,
  { catalogue, snapshots }: MemoryStore = createMemoryStore(),
): SnapshotsOptions {
  return {
    registry,
    catalogue,
    store: snapshots,
    checkStore: async () => undefined,
    width,
    collectCreated: true,
    resumeWithinMs: 3_600_000,
    thoroughAfterMs: 86_400_000,
    emptyGuard: 0.1,
    clock: Date.now,
    report: { notLoaded: fail, notKept: fail },
  };
}

/** A crawl of everything, as the service does its first one. */
export function takeSnapshot(
  registry: Registry,
  width: number,
  { signal = new AbortController().signal, ...changes }: Partial<SnapshotsOptions> & { signal?: AbortSignal } = {},
): Promise<Snapshot> {
  return createSnapshots({ ...snapshotsOptions(registry, width), ...changes }).takeAll(noProgress(), signal);
}
