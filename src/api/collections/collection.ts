import { type LazyArray, lazyArrayOf, type Sequence } from '../../http/bodies/json-stream.ts';
import type { Representation } from '../hal/representations.ts';
import type { Lazily, PageLinks, PageState } from '../schemas/schema-parts.ts';
import type { ListRules } from './list-query.ts';

/** A collection, whose members are known by their positions in the order of their names, or whatever else is their own. */
export interface Collection extends ListRules {
  /** Where it is, without a query. */
  readonly href: string;
  readonly length: number;
  /** What is searched. */
  readonly nameAt: (position: number) => string;
  /** What its own order is called; undefined where no order has a name that is the same. */
  readonly ownOrder: string | undefined;
  /** Everything that a member on a line of its own may say, by name, in order. */
  readonly columns: readonly string[];
  readonly memberAt: (position: number) => Representation;
  readonly represent: (view: View) => Representation;
}

/** What is shown of a collection: all of it, or some of its members in some order. */
export interface View {
  /** Undefined for all of them, in their own order. */
  readonly positions: Uint32Array | undefined;
  /** Which page it is, where it is one. */
  readonly state: Lazily<PageState>;
  /** To itself, and to other pages. */
  readonly links: Lazily<PageLinks>;
}

/** All of a collection that is embedded somewhere. */
export function wholeOf(href: string): View {
  return { positions: undefined, state: {}, links: { self: { href } } };
}

/** The members that a view shows. */
export function membersIn<T>({ positions }: View, all: Sequence<T>, at: (position: number) => T): Sequence<T> {
  return positions === undefined ? all : lazyArrayOf(positions, at);
}

/** A relation with nothing to point at is left out. */
export function items<S, T>(list: Sequence<S>, represent: (one: S) => T): { items?: LazyArray<T> } {
  return list.length === 0 ? {} : { items: lazyArrayOf(list, represent) };
}
