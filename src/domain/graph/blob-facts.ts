import type { ImageConfig } from '../manifest/image-config.ts';
import type { Kind } from '../manifest/manifest-kind.ts';
import type { Numbers } from './typed-arrays.ts';

/** The contents of manifests and configs except the blobs that they name, by node, in compact arrays. */
export interface BlobFacts {
  /** The kind of manifest i is kinds[kindOf[i]]; '' if the node is not a manifest that was read. */
  readonly kinds: readonly (Kind | '')[];
  readonly kindOf: Numbers;
  /** By manifest: the node of its subject, if it has one. */
  readonly subjects: ReadonlyMap<number, number>;
  /** 1 for a manifest whose first child is the config of an image. */
  readonly hasImageConfig: Uint8Array;
  /** By index, if it names platforms: pairs of a child and the number of a platform. */
  readonly namedPlatforms: ReadonlyMap<number, readonly number[]>;
  readonly platforms: readonly string[];
  /** By config: 1 + its place among the configs that were read; 0 for every other blob. */
  readonly configOf: Uint32Array;
  /** By place: milliseconds since the epoch; NaN if the config has no creation time. */
  readonly configCreatedAt: Float64Array;
  /** By place: the number of the platform; 0 if the config names none. */
  readonly configPlatform: Numbers;
}

/** Returns whether the node is a manifest that was read. */
export function isReadManifest({ kindOf }: BlobFacts, node: number): boolean {
  return kindOf[node] !== 0;
}

/** Returns the kind of a manifest by its own content; undefined if the node is not a manifest that was read. */
export function ownKindOf({ kinds, kindOf }: BlobFacts, node: number): Kind | undefined {
  return kinds[kindOf[node] ?? 0] || undefined;
}

/** Returns what the config of an image states; undefined if it was not read. */
export function imageConfigAt(facts: BlobFacts, config: number): ImageConfig | undefined {
  const place = (facts.configOf[config] ?? 0) - 1;
  if (place < 0) return undefined;
  const createdAt = facts.configCreatedAt[place] ?? Number.NaN;
  return {
    createdAt: Number.isNaN(createdAt) ? undefined : createdAt,
    platform: facts.platforms[facts.configPlatform[place] ?? 0] || undefined,
  };
}

const NO_PLATFORMS: ReadonlyMap<number, readonly string[]> = new Map();

/** Returns the platforms that an index names for each of its children. */
export function platformsNamedBy(facts: BlobFacts, node: number): ReadonlyMap<number, readonly string[]> {
  const pairs = facts.namedPlatforms.get(node);
  if (pairs === undefined) return NO_PLATFORMS;
  const named = new Map<number, string[]>();
  for (let i = 0; i < pairs.length; i += 2) {
    const platform = facts.platforms[pairs[i + 1] ?? 0] ?? '';
    const platforms = named.get(pairs[i] ?? 0);
    if (platforms === undefined) named.set(pairs[i] ?? 0, [platform]);
    else platforms.push(platform);
  }
  return named;
}
