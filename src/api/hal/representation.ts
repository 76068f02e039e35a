import type { NothingYet } from '../schemas/tree.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';
import type { Links } from './links.ts';

/** A HAL resource (draft-kelly-json-hal-11): its state, then `_links` and `_embedded` if the request asks for them. */
export type Representation = Readonly<Record<string, unknown>>;

/** The input of every representation: a snapshot, and the options of the request. */
export interface RepresentationContext {
  readonly index: SnapshotIndex;
  readonly options: EmbedOptions;
  readonly links: Links;
}

/** Every collection before the first snapshot. */
const NOTHING_YET: NothingYet = { timestamp: null, complete: false };

/** Represents a collection before the first snapshot, with an empty list of members on demand. */
export function representNothingYet(embedsEmptyList: boolean): NothingYet {
  return embedsEmptyList ? { ...NOTHING_YET, _embedded: { items: [] } } : NOTHING_YET;
}

/** Returns the context of what is embedded one level down. */
export function deeper<C extends RepresentationContext>(context: C): C {
  return { ...context, options: { ...context.options, embed: context.options.embed - 1 } };
}

/** Returns the context of a resource that embeds nothing, such as a line of NDJSON. */
export function withoutEmbedding<C extends RepresentationContext>(context: C): C {
  return { ...context, options: { ...context.options, embed: 0 } };
}
