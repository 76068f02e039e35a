import { orderInSteps } from '../../../domain/order.ts';
import { createSearch } from '../../../domain/search.ts';
import { createByteLru } from '../../../lib/byte-lru.ts';
import { type Resumable, unlessKnown } from '../../../lib/resumable.ts';
import type { Collection } from '../descriptor.ts';
import type { ListQuery } from './list-query.ts';

/** Which members of the collections of one snapshot a request selects, and in which order. Each result is kept until the cache is full. */
export interface Selections {
  /** Returns the positions on all pages together. */
  select(collection: SelectedCollection, query: ListQuery): Resumable<Uint32Array>;
  /** Returns the cached positions of that name, or makes them. */
  keep(name: string, make: () => Resumable<Uint32Array>): Resumable<Uint32Array>;
}

/** The selections of one snapshot, for all visibilities together. */
export interface SelectionCache {
  /** Returns the selections for principals with that visibility: the members of a list depend on it. */
  visibleTo(visibility: string): Selections;
}

export type SelectedCollection = Pick<Collection, 'descriptor' | 'href' | 'length' | 'nameAt' | 'orderNamed'>;

/** A million tags in one order take 4 MB. */
const CACHE_BYTES = 64 * 1024 * 1024;
/** About a tenth of a millisecond. */
const NAMES_PER_STEP = 64;

export function createSelectionCache(cacheBytes = CACHE_BYTES): SelectionCache {
  const cache = createByteLru<Uint32Array>(cacheBytes);

  /** If an equal request finds the positions first, this one uses them. */
  function keep(name: string, make: () => Resumable<Uint32Array>): Resumable<Uint32Array> {
    return unlessKnown(
      () => cache.get(name),
      function* () {
        const made = yield* make();
        cache.set(name, made, made.byteLength);
        return made;
      },
    );
  }

  return {
    visibleTo: (visibility) => ({
      keep: (name, make) => keep(`${visibility} ${name}`, make),
      *select(collection, query) {
        const { order, name, isDescending } = orderOf(collection, query);
        const key = `${visibility} ${collection.href} ${name} ${isDescending}`;
        const inOrder = () => keep(key, () => orderInSteps(collection.length, order, isDescending));
        if (query.search === '') return yield* inOrder();
        return yield* keep(`${key} ${query.search}`, function* () {
          return yield* findMatches(collection, yield* inOrder(), query.search);
        });
      },
    }),
  };
}

function orderOf(collection: SelectedCollection, { orderBy, sort }: ListQuery) {
  const name = orderBy ?? collection.descriptor.ownOrder ?? '';
  const order = collection.orderNamed(name);
  // Clients look for the first of names, and for the largest of numbers and times.
  const isDescending = sort === undefined ? order.kind === 'number' : sort === 'desc';
  return { order, name, isDescending };
}

function* findMatches({ nameAt }: SelectedCollection, all: Uint32Array, search: string): Resumable<Uint32Array> {
  const matches = createSearch(search);
  const positions: number[] = [];
  let count = 0;
  for (const position of all) {
    if (matches(nameAt(position))) positions.push(position);
    if (++count % NAMES_PER_STEP === 0) yield;
  }
  return new Uint32Array(positions);
}
