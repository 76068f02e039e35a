import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import type { Descriptor } from '../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName } from '../../src/domain/names.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { StoredManifest } from '../../src/ports.ts';
import type { Store } from '../../src/store/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { snapshotTakerOptions } from '../support/take-snapshot.ts';
import { createToyRegistry, descriptor, storedManifest } from '../support/toy-registry.ts';

/* What is kept in memory from one notified snapshot to the next must not show: after every step the snapshot is the one that somebody puts together
 * who reads the same of the same registry, and has kept nothing. */

const numbered = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}` as Digest;
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const LAYER_TYPES = ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.docker.image.rootfs.diff.tar', FOREIGN];
const REPOSITORIES = ['a', 'a/b', 'c'];
const TAGS = ['1', '2', '3'];
const IMAGES = 6;
const { signal } = new AbortController();

/** Few layers, so that images share them, and do not agree on what they are. */
const layer: fc.Arbitrary<Descriptor> = fc
  .record({
    number: fc.integer({ min: 0, max: 4 }),
    type: fc.constantFrom(...LAYER_TYPES),
    bytes: fc.constantFrom(5, 5, 5, 7, undefined),
  })
  .map(({ number, type, bytes }) => ({ digest: numbered(1000 + number), mediaType: type, sizeBytes: bytes }));

const images = fc.array(fc.array(layer, { maxLength: 3 }), { minLength: IMAGES, maxLength: IMAGES }).map((all) =>
  all.map((layers, number) =>
    storedManifest(numbered(1 + number), 10 + number, {
      kind: 'image',
      mediaType: MANIFEST_TYPES.ociManifest,
      config: descriptor(numbered(500 + (number % 2)), CONFIG, 3),
      layers,
    }),
  ),
);

interface IndexShape {
  readonly children: readonly number[];
  readonly isAttestation: boolean;
}

const indexes = fc.array(
  fc.record({ children: fc.array(fc.integer({ min: 0, max: IMAGES }), { maxLength: 3 }), isAttestation: fc.boolean() }),
  { minLength: 2, maxLength: 2 },
);

/** A child of the number `IMAGES` is nowhere. */
function toIndex({ children, isAttestation }: IndexShape, number: number): StoredManifest {
  const manifests = children.map((child) => ({
    ...descriptor(numbered(1 + child), MANIFEST_TYPES.ociManifest, 10 + child),
    ...(isAttestation && child === 0 && ({ isAttestation: true } as const)),
  }));
  return storedManifest(numbered(100 + number), 20, {
    kind: 'index',
    mediaType: MANIFEST_TYPES.ociIndex,
    manifests,
  });
}

/** One repository is changed: the tag points at that manifest, or is gone. */
const step = fc.record({
  repository: fc.constantFrom(...REPOSITORIES),
  tag: fc.constantFrom(...TAGS),
  manifest: fc.option(fc.integer({ min: 0, max: IMAGES + 1 }), { freq: 4 }),
  hasBlobs: fc.boolean(),
});

function withoutTimes({ repositories, namespaces, figures, kinds, gaps }: Snapshot): unknown {
  return { repositories, namespaces, figures, kinds, gaps };
}

test('what is kept in memory for the next notification does not show in the snapshot', {
  timeout: 60_000,
}, async () => {
  const property = fc.asyncProperty(images, indexes, fc.array(step, { maxLength: 12 }), async (some, shapes, steps) => {
    const manifests = [...some, ...shapes.map(toIndex)];
    let hasBlobs = true;
    const all = (digest: string): StoredManifest | undefined => manifests.find((one) => one.digest === digest);
    const registry = createToyRegistry({
      blobBytes: async (_, digest) => (hasBlobs ? Number.parseInt(digest.slice(-4), 16) : undefined),
      manifest: async (repository, reference) => all(reference) ?? registry.content.get(repository)?.get(reference),
    });
    for (const name of REPOSITORIES) registry.content.set(name, new Map());
    registry.push('a', 'first', manifests[0] as StoredManifest);
    const [mine, others] = [createMemoryStore(), createMemoryStore()];
    const open = (store: Store) => createSnapshotTaker({ ...snapshotTakerOptions(registry, 2, store), emptyGuard: 0 });
    const snapshots = open(mine);
    await snapshots.takeSnapshot(noProgress(), signal);
    await open(others).takeSnapshot(noProgress(), signal);
    for (const { repository, tag, manifest: number, ...state } of steps) {
      const tags = registry.content.get(repository);
      const manifest = number === null ? undefined : manifests[number];
      if (tags?.get(tag) === manifest) continue; // a snapshot is taken for what has changed
      if (manifest === undefined) tags?.delete(tag);
      else tags?.set(tag, manifest);
      hasBlobs = state.hasBlobs;
      const names = new Set([repository as RepositoryName]);
      const shown = await snapshots.updateSnapshot(names, signal);
      // Opened anew, it has kept nothing.
      expect(withoutTimes(shown)).toEqual(withoutTimes(await open(others).updateSnapshot(names, signal)));
    }
  });
  await fc.assert(property, { numRuns: 300 });
});
