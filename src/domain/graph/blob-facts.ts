import type { ImageConfig } from '../manifest/image-config.ts';
import type { Kind } from '../manifest/manifest-kind.ts';
import type { Numbers } from './typed-arrays.ts';

/** What the manifests and configs that were read say besides what they point to: plain data, by node, in few bytes. */
export interface BlobFacts {
  /** Of the manifest i it is kinds[kindOf[i]]; '' where no manifest of that node was read. */
  readonly kinds: readonly (Kind | '')[];
  readonly kindOf: Numbers;
  /** By manifest, where it has one: the node of its subject. */
  readonly subjects: ReadonlyMap<number, number>;
  /** 1 for a manifest whose first child is an image's config. */
  readonly hasImageConfig: Uint8Array;
  /** By index, where it names platforms: pairs of a child and the number of a platform. */
  readonly namedPlatforms: ReadonlyMap<number, readonly number[]>;
  readonly platforms: readonly string[];
  /** By config: 1 + its place among the configs that were read; 0 for any other blob. */
  readonly configOf: Uint32Array;
  /** By place: milliseconds since the epoch, NaN where it names no time. */
  readonly configCreatedAt: Float64Array;
  /** By place: the number of its platform, 0 where it names none. */
  readonly configPlatform: Numbers;
}

/** Whether the manifest of that node was read. */
export function isReadManifest({ kindOf }: BlobFacts, node: number): boolean {
  return kindOf[node] !== 0;
}

/** The kind that a manifest has by itself; undefined where none was read. */
export function ownKindOf({ kinds, kindOf }: BlobFacts, node: number): Kind | undefined {
  return kinds[kindOf[node] ?? 0] || undefined;
}

/** What an image's config says of it; undefined where it was not read. */
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

/** The platforms that an index names, by child. What runs on several is listed once for each. */
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
