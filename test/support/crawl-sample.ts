import { createSnapshotTaker, type SnapshotTakerOptions } from '../../src/crawl/snapshots.ts';
import type { RepositoryName } from '../../src/domain/names.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Registry } from '../../src/ports.ts';
import { createMemoryStore } from './memory-store.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from './take-snapshot.ts';
import { createToyRegistry, image, type ToyRegistry } from './toy-registry.ts';

const { signal } = new AbortController();

export const names = (...texts: string[]): ReadonlySet<RepositoryName> => new Set(texts as RepositoryName[]);

/** Creates a registry with two repositories, three tags and two images, and a snapshot taker for it. */
export function openSample(answers: Partial<Registry> = {}, changes: Partial<SnapshotTakerOptions> = {}) {
  const registry = createToyRegistry(answers);
  registry.push('group/app', '1.0', image('a'));
  registry.push('group/app', '2.0', image('b'));
  registry.push('group/tools', '1.0', image('a'));
  const store = createMemoryStore();
  const options = { ...snapshotTakerOptions(registry, 2, store), ...changes };
  const snapshots = createSnapshotTaker(options);
  const takeSnapshot = () => takeWholeSnapshot(snapshots, signal);
  return { registry, store, options, snapshots, takeSnapshot };
}

/** Returns the snapshot without its times. */
export const contentOf = ({ figures, repositories, gaps }: Snapshot) => ({ figures, repositories, gaps });

/** Returns the content of a first snapshot of the registry, with an empty store. */
export async function firstContentOf(registry: ToyRegistry): Promise<object> {
  const options = snapshotTakerOptions(registry, 2);
  return contentOf(await takeWholeSnapshot(createSnapshotTaker(options), signal));
}
