import type { ImageConfig } from '../manifest/image-config.ts';
import type { Kind } from '../manifest/manifest-kind.ts';
import type { BlobFacts } from './blob-facts.ts';
import { createStringPool } from './string-pool.ts';
import { extendedTo, narrowed, resized } from './typed-arrays.ts';

/** Collects what manifests and configs state besides the blobs that they name. */
export class FactsBuilder {
  readonly #kinds = createStringPool<Kind>();
  #kindOf = new Uint32Array();
  readonly #subjects = new Map<number, number>();
  #hasImageConfig = new Uint8Array();
  readonly #namedPlatforms = new Map<number, readonly number[]>();
  readonly #platforms = createStringPool<string>();
  #configOf = new Uint32Array();
  #configsCount = 0;
  #configCreatedAt = new Float64Array();
  #configPlatform = new Uint32Array();

  addManifest(node: number, kind: Kind, hasImageConfig: boolean): void {
    this.#kindOf = extendedTo(this.#kindOf, node);
    this.#kindOf[node] = this.#kinds.add(kind);
    if (!hasImageConfig) return;
    this.#hasImageConfig = extendedTo(this.#hasImageConfig, node);
    this.#hasImageConfig[node] = 1;
  }

  addSubject(node: number, subject: number): void {
    this.#subjects.set(node, subject);
  }

  /** Adds the platforms of the children of an index, in its order. */
  addPlatforms(node: number, named: readonly (readonly [child: number, platform: string])[]): void {
    const platformsOf = new Map<number, Set<number>>();
    for (const [child, platform] of named) {
      const numbers = platformsOf.get(child) ?? new Set();
      if (numbers.size < MAX_PLATFORMS) numbers.add(this.#platforms.add(platform));
      platformsOf.set(child, numbers);
    }
    const pairs = [...platformsOf].flatMap(([child, numbers]) => [...numbers].flatMap((number) => [child, number]));
    if (pairs.length > 0) this.#namedPlatforms.set(node, pairs);
  }

  addImageConfig(node: number, { createdAt, platform }: ImageConfig): void {
    this.#configOf = extendedTo(this.#configOf, node);
    const place = (this.#configOf[node] || ++this.#configsCount) - 1;
    this.#configOf[node] = place + 1;
    this.#configCreatedAt = extendedTo(this.#configCreatedAt, place);
    this.#configCreatedAt[place] = createdAt ?? Number.NaN;
    this.#configPlatform = extendedTo(this.#configPlatform, place);
    this.#configPlatform[place] = this.#platforms.add(platform ?? '');
  }

  /** Returns the facts about the first `nodesCount` nodes. They do not change when more are added. */
  build(nodesCount: number): BlobFacts {
    const kinds = [...this.#kinds.texts];
    const platforms = [...this.#platforms.texts];
    return {
      kinds,
      kindOf: narrowed(resized(this.#kindOf, nodesCount), kinds.length),
      subjects: new Map(this.#subjects),
      hasImageConfig: resized(this.#hasImageConfig, nodesCount),
      namedPlatforms: new Map(this.#namedPlatforms),
      platforms,
      configOf: resized(this.#configOf, nodesCount),
      configCreatedAt: this.#configCreatedAt.slice(0, this.#configsCount),
      configPlatform: narrowed(this.#configPlatform.slice(0, this.#configsCount), platforms.length),
    };
  }
}

/** The most platforms of one child. Only a hostile index names more. */
const MAX_PLATFORMS = 100;
