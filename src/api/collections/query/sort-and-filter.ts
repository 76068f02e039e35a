import { positionsInOrder } from '../../../domain/order.ts';
import { createSearch } from '../../../domain/search.ts';
import { createByteLru } from '../../../lib/byte-lru.ts';
import { yieldToEventLoop } from '../../../lib/yielding.ts';
import type { Collection } from '../descriptor.ts';
import type { ListQuery } from './list-query.ts';

/** Which members of the collections of one snapshot a request selects, and in which order. Each result is kept until the cache is full. */
export interface Selections {
  /** Returns the positions on all pages together. */
  select(collection: SelectedCollection, query: ListQuery): Uint32Array | Promise<Uint32Array>;
  /** Returns the cached positions of that name, or makes them. */
  keep(name: string, make: () => Uint32Array): Uint32Array;
}

/** The selections of one snapshot, for all visibilities together. */
export interface SelectionCache {
  /** Returns the selections for principals with that visibility: the members of a list depend on it. */
  visibleTo(visibility: string): Selections;
}

export type SelectedCollection = Pick<Collection, 'descriptor' | 'href' | 'length' | 'nameAt' | 'orderNamed'>;

/** A million tags in one order take 4 MB. */
const CACHE_BYTES = 64 * 1024 * 1024;
/**
 * The number of names that are compared before the event loop runs. This takes less than a millisecond. With the worst pattern of `?`, it takes a few
 * milliseconds for names of 80 characters, and a tenth of a second for the longest names.
 */
const SLICE_LENGTH = 256;

export function createSelectionCache(cacheBytes = CACHE_BYTES): SelectionCache {
  const cache = createByteLru<Uint32Array>(cacheBytes);
  const running = new Map<string, Promise<Uint32Array>>();

  function keep(name: string, make: () => Uint32Array): Uint32Array {
    const known = cache.get(name);
    if (known !== undefined) return known;
    const made = make();
    cache.set(name, made, made.byteLength);
    return made;
  }

  function search(key: string, collection: SelectedCollection, all: Uint32Array, text: string): Promise<Uint32Array> {
    const started = findMatches(collection, all, text)
      .then((positions) => {
        cache.set(key, positions, positions.byteLength);
        return positions;
      })
      .finally(() => running.delete(key));
    running.set(key, started);
    return started;
  }

  return {
    visibleTo: (visibility) => ({
      keep: (name, make) => keep(`${visibility} ${name}`, make),
      select(collection, query) {
        const { order, name, isDescending } = orderOf(collection, query);
        const key = `${visibility} ${collection.href} ${name} ${isDescending}`;
        const all = keep(key, () => positionsInOrder(collection.length, order, isDescending));
        if (query.search === '') return all;
        const searchKey = `${key} ${query.search}`;
        const known = cache.get(searchKey) ?? running.get(searchKey);
        return known ?? search(searchKey, collection, all, query.search);
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

async function findMatches({ nameAt }: SelectedCollection, all: Uint32Array, search: string): Promise<Uint32Array> {
  const matches = createSearch(search);
  const positions: number[] = [];
  for (let from = 0; from < all.length; from += SLICE_LENGTH) {
    if (from > 0) await yieldToEventLoop();
    for (const position of all.subarray(from, from + SLICE_LENGTH)) {
      if (matches(nameAt(position))) positions.push(position);
    }
  }
  return Uint32Array.from(positions);
}
