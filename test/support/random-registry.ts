import fc from 'fast-check';
import type { BlobGraph } from '../../src/domain/graph/graph.ts';
import { GraphBuilder } from '../../src/domain/graph/graph-builder.ts';
import { NO_ROOT } from '../../src/domain/graph/reachable-blobs.ts';
import type { Descriptor } from '../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import { byName, type Digest, type RepositoryName } from '../../src/domain/names.ts';
import type { NaiveBlob, NaiveTag } from './naive-usage.ts';

/** A small registry, as input for the naive count and as a graph. */
export interface RandomRegistry {
  readonly blobs: ReadonlyMap<string, NaiveBlob>;
  /** Sorted by repository and name. */
  readonly tags: readonly NaiveTag[];
  readonly graph: BlobGraph;
  readonly roots: Int32Array;
  /** Sorted by name. */
  readonly repositories: readonly { readonly name: RepositoryName; readonly tagsCount: number }[];
}

/** Names whose order differs by text and by segment, and paths that are both a repository and a namespace. */
const REPOSITORIES = ['a', 'a-b', 'a-b/c', 'a/b', 'a/b/c', 'a/b-c', 'a/b/c/d', 'b', 'c/d', 'c/d/e', 'c.d'];

/** Registries with shared layers and configs, nested indexes, several tags of one digest, missing children and layers, and tags without a manifest. */
export const randomRegistry: fc.Arbitrary<RandomRegistry> = fc
  .record({
    images: fc.array(fc.record({ config: fc.nat(3), layers: fc.uniqueArray(fc.nat(9), { maxLength: 5 }) }), {
      minLength: 1,
      maxLength: 8,
    }),
    indexes: fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 5 }),
    missing: fc.uniqueArray(fc.nat(12), { maxLength: 2 }),
    tags: fc.array(fc.tuple(fc.constantFrom(...REPOSITORIES), fc.nat(5), fc.option(fc.nat(20), { freq: 8 })), {
      maxLength: 14,
    }),
    empty: fc.constantFrom(...REPOSITORIES),
  })
  .map(build);

const digestOf = (name: string): Digest => `sha256:${Buffer.from(name).toString('hex').padStart(64, '0')}` as Digest;

interface Plan {
  readonly images: readonly { readonly config: number; readonly layers: readonly number[] }[];
  readonly indexes: readonly (readonly number[])[];
  readonly missing: readonly number[];
  readonly tags: readonly (readonly [string, number, number | null])[];
  readonly empty: string;
}

function build({ images, indexes, missing, tags, empty }: Plan): RandomRegistry {
  const blobs = new Map<string, NaiveBlob>();
  const builder = new GraphBuilder();
  const descriptorOf = (name: string, mediaType: string, sizeBytes: number | undefined): Descriptor => ({
    mediaType,
    digest: digestOf(name),
    sizeBytes,
  });
  const leaf = (name: string, number: number, isLayer: boolean): Descriptor => {
    const bytes = missing.includes(number) ? undefined : 1 + ((number * 37) % 100);
    blobs.set(digestOf(name), { bytes, isLayer, children: [] });
    const type = isLayer ? 'application/vnd.oci.image.layer.v1.tar' : 'application/vnd.oci.image.config.v1+json';
    return descriptorOf(name, type, bytes);
  };
  const manifests: Digest[] = [];
  const addManifest = (name: string, children: readonly Descriptor[], toManifest: () => void): void => {
    const bytes = 1000 + manifests.length;
    blobs.set(digestOf(name), { bytes, isLayer: false, children: children.map(({ digest }) => digest) });
    manifests.push(digestOf(name));
    toManifest();
  };
  for (const [i, { config, layers }] of images.entries()) {
    const configLeaf = leaf(`config ${config}`, 20 + config, false);
    const layerLeaves = layers.map((number) => leaf(`layer ${number}`, number, true));
    addManifest(`image ${i}`, [configLeaf, ...layerLeaves], () =>
      builder.addManifest(digestOf(`image ${i}`), 1000 + manifests.length - 1, {
        kind: 'image',
        config: configLeaf,
        layers: layerLeaves,
      }),
    );
  }
  for (const [i, picks] of indexes.entries()) {
    const children = picks.map((pick): Descriptor => {
      const digest = pick === 20 ? digestOf('a manifest that is gone') : (manifests[pick % manifests.length] as Digest);
      return { mediaType: MANIFEST_TYPES.ociIndex, digest, sizeBytes: 5 };
    });
    addManifest(`index ${i}`, children, () =>
      builder.addManifest(digestOf(`index ${i}`), 1000 + manifests.length - 1, { kind: 'index', manifests: children }),
    );
  }
  const named = new Map(
    tags.map(([repository, name, pick]): [string, NaiveTag] => {
      const root = pick === null ? undefined : manifests[pick % manifests.length];
      return [`${repository}:${name}`, { repository, name: String(name), root }];
    }),
  );
  const sorted = [...named.values()].sort((a, b) => byName(a.repository, b.repository) || byName(a.name, b.name));
  const names = [...new Set([...sorted.map(({ repository }) => repository), empty])].sort(byName);
  return {
    blobs,
    tags: sorted,
    graph: builder.build(),
    roots: Int32Array.from(sorted, ({ root }) => (root === undefined ? NO_ROOT : builder.node(root as Digest))),
    repositories: names.map((name) => ({
      name: name as RepositoryName,
      tagsCount: sorted.filter(({ repository }) => repository === name).length,
    })),
  };
}
