import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSnapshotTaker } from '../../../src/crawl/snapshots.ts';
import type { Descriptor } from '../../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName } from '../../../src/domain/names.ts';
import type { Snapshot } from '../../../src/domain/snapshot/snapshot.ts';
import type { StoredManifest } from '../../../src/ports.ts';
import type { Store } from '../../../src/store/store.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../../support/take-snapshot.ts';
import { createToyRegistry, descriptor, storedManifest } from '../../support/toy-registry.ts';

/* A recrawl reuses the graph of the last snapshot. After every step, its snapshot must equal that of a snapshot taker that starts without a graph. */

const numbered = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}` as Digest;
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const LAYER_TYPES = ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.docker.image.rootfs.diff.tar', FOREIGN];
const REPOSITORIES = ['a', 'a/b', 'c'];
const TAGS = ['1', '2', '3'];
const IMAGES = 6;
const { signal } = new AbortController();

/** Few digests, so that images share layers, with contradicting descriptors. */
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

/** The registry does not store a child with the number `IMAGES`. */
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

/** A change of one tag: it then points at that manifest, or is deleted. */
const step = fc.record({
  repository: fc.constantFrom(...REPOSITORIES),
  tag: fc.constantFrom(...TAGS),
  manifest: fc.option(fc.integer({ min: 0, max: IMAGES + 1 }), { freq: 4 }),
  hasBlobs: fc.boolean(),
});

function withoutTimes({ repositories, namespaces, figures, kinds, gaps }: Snapshot): unknown {
  return { repositories, namespaces, figures, kinds, gaps };
}

test('a recrawl on a reused graph gives the same snapshot as one without, on random changes', async () => {
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
    const [reusing, fresh] = [createMemoryStore(), createMemoryStore()];
    const open = (store: Store) => createSnapshotTaker({ ...snapshotTakerOptions(registry, 2, store), emptyGuard: 0 });
    const snapshots = open(reusing);
    await takeWholeSnapshot(snapshots, signal);
    await takeWholeSnapshot(open(fresh), signal);
    for (const { repository, tag, manifest: number, ...state } of steps) {
      const tags = registry.content.get(repository);
      const manifest = number === null ? undefined : manifests[number];
      if (tags?.get(tag) === manifest) continue; // a push without a change causes no snapshot
      if (manifest === undefined) tags?.delete(tag);
      else tags?.set(tag, manifest);
      hasBlobs = state.hasBlobs;
      const names = new Set([repository as RepositoryName]);
      const shown = await snapshots.updateSnapshot(names, signal);
      // A new snapshot taker has no graph to reuse.
      expect(withoutTimes(shown)).toEqual(withoutTimes(await open(fresh).updateSnapshot(names, signal)));
    }
  });
  await fc.assert(property, { numRuns: 300 });
});
