import type { z } from 'zod';
import { BY_POSITION, type Order } from '../../domain/order.ts';
import type { NameParts, Subject } from '../../domain/search/search.ts';
import { assertNever } from '../../lib/assert-never.ts';
import type { Resumable } from '../../lib/resumable.ts';
import { type Members, memberAt, type View } from '../hal/represent-list.ts';
import type { Representation, RepresentationContext } from '../hal/representation.ts';
import type { SnapshotIndex } from '../snapshot/snapshot-index.ts';

/* A descriptor is all that the service knows about one resource of a snapshot. Its route, the link in the entry point, HAL, CSV, NDJSON, paging,
 * sorting, searching and its part of the OpenAPI document follow from it. `resources.ts` lists all descriptors. */

export type ResourceDescriptor = CollectionDescriptor | SingleDescriptor;

interface ResourceDescription {
  /** Below the prefix, as in the route table: a literal, and then names in braces. */
  readonly path: string;
  /** The relation of the link in the entry point. */
  readonly relation: string;
  readonly operation: OperationDescription;
  readonly schema: NamedSchema;
}

/** The operation `GET` in the OpenAPI document. */
export interface OperationDescription {
  readonly id: string;
  readonly section: 'tree' | 'blobs' | 'crawl';
  readonly summary: string;
}

/** A schema and its name in the OpenAPI document. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: z.ZodType;
}

/** A resource that is not a list. */
export interface SingleDescriptor extends ResourceDescription {
  readonly kind: 'single';
  /** Finds the resource with the names in its path; undefined if there is none. */
  readonly find: (names: readonly string[], context: CollectionContext) => (() => Representation) | undefined;
}

/** A list resource. */
export interface CollectionDescriptor extends CollectionDescription<unknown> {
  readonly kind: 'collection';
  /** Finds the list with the names in its path; undefined if there is none. */
  readonly open: (names: readonly string[], context: CollectionContext) => Collection | undefined;
}

interface CollectionDescription<M> extends ResourceDescription {
  /** The schemas of a member on a line of its own. */
  readonly memberSchemas: readonly NamedSchema[];
  /** All fields that a member can have on a line of its own: the columns of CSV, in order. */
  readonly columns: readonly string[];
  /** The values of `order_by`. */
  readonly orders: Readonly<Record<string, MemberOrder<M>>>;
  /** The order that applies without `order_by`; undefined if no order has the same result. */
  readonly ownOrder?: string;
  /** Whether an empty list embeds `items: []`: the front end of the original service reads it. */
  readonly embedsEmptyList?: true;
  /** The members of a page of HAL without `per_page`; undefined if the whole list is the default. */
  readonly perPage?: number;
}

/** A list resource as it is written down: `M` is the type of its members inside the service. */
export interface CollectionSpec<M> extends CollectionDescription<M> {
  /** Returns the text that `search` looks at. */
  readonly nameOf: (member: M, index: SnapshotIndex) => string;
  readonly find: (names: readonly string[], context: CollectionContext) => FoundList<M> | undefined;
}

export interface FoundList<M> {
  readonly members: Members<M>;
  /** Returns what a term `repository:tag` of a search looks at; without it, such a term looks at the name as any other. */
  readonly partsOf?: (member: M) => NameParts | undefined;
  /** Looks up the members, if that takes long; without it they are known. */
  readonly prepare?: Prepare;
  /** Represents the list in HAL. */
  readonly represent: (view: View) => Representation;
  /** Represents a member on a line of its own, in NDJSON and CSV. */
  readonly representLine: (member: M) => Representation;
}

/**
 * Prepares a list for its representation.
 *
 * @param showsMembers false if the representation contains nothing of the members
 */
export type Prepare = (showsMembers: boolean) => Resumable<void>;

export interface CollectionContext extends RepresentationContext {
  /** Returns the positions that the snapshot's cache holds under this name, or makes them. */
  readonly keep: (name: string, make: () => Resumable<Uint32Array>) => Resumable<Uint32Array>;
}

/** How members are put in order. A function for one snapshot comes first, since the inner one runs a million times. */
export type MemberOrder<M> =
  | { readonly kind: 'position' }
  /** Null is unknown. */
  | { readonly kind: 'number'; readonly valuesIn: (index: SnapshotIndex) => (member: M) => number | null }
  | { readonly kind: 'text'; readonly compareIn: (index: SnapshotIndex) => (a: M, b: M) => number };

/** A list of one snapshot. Its members are known by their positions in the list's own order. */
export interface Collection {
  readonly descriptor: Pick<CollectionDescriptor, 'columns' | 'orders' | 'ownOrder' | 'perPage'>;
  /** Without a query. */
  readonly href: string;
  /** To be called before all that follows. */
  readonly prepare: Prepare;
  readonly length: number;
  /** Returns what `search` looks at. */
  readonly searchedAt: (position: number) => Subject;
  /** Returns the order of that name, or else the list's own order. */
  readonly orderNamed: (name: string) => Order;
  readonly lineAt: (position: number) => Representation;
  readonly represent: (view: View) => Representation;
}

export function describeCollection<M>(spec: CollectionSpec<M>): CollectionDescriptor {
  const { nameOf, find, ...description } = spec;
  // From here on only positions are visible, and `open` is all that turns them into members.
  const erased = description as CollectionDescription<unknown>;
  const open: CollectionDescriptor['open'] = (names, context) => {
    const found = find(names, context);
    return found && openCollection(spec, found, context.links.to(spec.path, names), context.index);
  };
  return { ...erased, kind: 'collection', open };
}

function openCollection<M>(
  spec: CollectionSpec<M>,
  { members, partsOf, represent, representLine, prepare = function* () {} }: FoundList<M>,
  href: string,
  index: SnapshotIndex,
): Collection {
  const at = (position: number): M => memberAt(members, position);
  return {
    descriptor: spec as CollectionDescription<unknown>,
    href,
    prepare,
    get length() {
      return members.length;
    },
    searchedAt(position) {
      const member = at(position);
      return { name: spec.nameOf(member, index), parts: partsOf?.(member) };
    },
    orderNamed: (name) => orderOfPositions(spec.orders[name] ?? BY_POSITION, at, index),
    lineAt: (position) => representLine(at(position)),
    represent,
  };
}

function orderOfPositions<M>(order: MemberOrder<M>, at: (position: number) => M, index: SnapshotIndex): Order {
  switch (order.kind) {
    case 'position':
      return BY_POSITION;
    case 'number': {
      const readValue = order.valuesIn(index);
      return { kind: 'number', valueAt: (position) => readValue(at(position)) };
    }
    case 'text': {
      const compare = order.compareIn(index);
      return { kind: 'text', compare: (a, b) => compare(at(a), at(b)) };
    }
    default:
      return assertNever(order);
  }
}
