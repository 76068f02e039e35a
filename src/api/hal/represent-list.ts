import { type LazyArray, lazyArrayOf, type Sequence } from '../../http/bodies/json-stream.ts';
import type { Resumable } from '../../lib/resumable.ts';
import type { Lazily, Link, PageLinks, PageState } from '../schemas/schema-parts.ts';
import type { RepresentationContext } from './representation.ts';

/** The members of a list, in its own order. */
export interface Members<M> extends Sequence<M> {
  readonly at: (position: number) => M | undefined;
}

/** An index is several times as fast as the method `at` of an array, which matters when a million members are sorted. */
export function membersOf<M>(list: Sequence<M> & { readonly [position: number]: M }): Members<M> {
  return {
    length: list.length,
    at: (position) => list[position],
    [Symbol.iterator]: () => list[Symbol.iterator](),
  };
}

/** Returns members that must be looked up before they are used. `prepare` does that. */
export function preparedMembers<M>(lookUp: () => Resumable<Sequence<M> & { readonly [position: number]: M }>): {
  readonly members: Members<M>;
  readonly prepare: () => Resumable<void>;
} {
  let found: Members<M> = NOT_PREPARED;
  return {
    members: {
      get length() {
        return found.length;
      },
      at: (position) => found.at(position),
      [Symbol.iterator]: () => found[Symbol.iterator](),
    },
    *prepare() {
      found = membersOf(yield* lookUp());
    },
  };
}

const NOT_PREPARED: Members<never> = {
  get length(): number {
    throw new Error('the members have not been looked up');
  },
  at: () => undefined,
  [Symbol.iterator]: () => [][Symbol.iterator](),
};

/** What a response shows of a list: all members, or some of them in some order. */
export interface View {
  /** Undefined for all members, in their own order. */
  readonly positions: Uint32Array | undefined;
  /** The numbers of the page, if the view is one. */
  readonly state: Lazily<PageState>;
  /** Links to the list itself and to other pages. */
  readonly links: Lazily<PageLinks>;
}

/** Returns the view of a whole list that is embedded in another resource. */
export function wholeOf(href: string): View {
  return { positions: undefined, state: {}, links: { self: { href } } };
}

/** Returns a member. Positions come from an order of the same list, so a position after its end is a bug. */
export function memberAt<M>(members: Members<M>, position: number): M {
  const member = members.at(position);
  if (member === undefined) throw new RangeError('a position beyond the end of its collection');
  return member;
}

/** Returns the members that a view shows. They are read when they are written. */
export function shownIn<M>({ positions }: View, members: Members<M>): Sequence<M> {
  return positions === undefined ? members : lazyArrayOf(positions, (position) => memberAt(members, position));
}

export interface Items<T> {
  readonly items?: LazyArray<T>;
}

/** Returns the relation `items`, or nothing for an empty list: HAL leaves out a relation without targets. */
export function itemsOf<S, T>(list: Sequence<S>, represent: (one: S) => T): Items<T> {
  return list.length === 0 ? {} : { items: lazyArrayOf(list, represent) };
}

/** The parts of a list that differ from list to list. */
export interface ListParts<M, S, L, R> {
  readonly state: S;
  readonly members: Members<M>;
  /** Returns the links of the list besides those to its pages; `items` are the links to its members. */
  readonly links: (items: Items<Link>) => L;
  /** Returns the link to a member. */
  readonly linkTo: (member: M) => Link;
  /** Represents a member where it is embedded. */
  readonly represent: (member: M) => R;
  /** Whether an empty list embeds `items: []` instead of nothing. */
  readonly embedsEmptyList?: true;
}

/** Represents a list: its state and the page; with `links`, links to pages and members; with `embed`, the members themselves. */
export function representList<M, S extends object, L extends object, R>(
  view: View,
  { options }: Pick<RepresentationContext, 'options'>,
  { state, members, links, linkTo, represent, embedsEmptyList }: ListParts<M, S, L, R>,
) {
  const shown = shownIn(view, members);
  return {
    ...state,
    ...view.state,
    ...(options.links && { _links: { ...view.links, ...links(itemsOf(shown, linkTo)) } }),
    ...(options.embed > 0 && { _embedded: { ...(embedsEmptyList && { items: [] }), ...itemsOf(shown, represent) } }),
  };
}
