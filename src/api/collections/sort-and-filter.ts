import { BY_POSITION, type Order, positionsInOrder } from '../../domain/order.ts';
import { createSearch } from '../../domain/search.ts';
import { createByteLru } from '../../lib/byte-lru.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { Collection } from './collection.ts';
import type { ListQuery } from './list-query.ts';

/** Which members of the collections of one snapshot come, and in which order: found out once, and kept while there is room. */
export interface Selections {
  /** Of all pages together. */
  select(listing: Collection, query: ListQuery): Uint32Array | Promise<Uint32Array>;
  /** What is kept by that name; it is made where it is not. */
  keep(name: string, make: () => Uint32Array): Uint32Array;
}

/** A million tags in one order take 4 MB. */
const ROOM_BYTES = 64 * 1024 * 1024;
/**
 * Names that are looked at in one go. Less than a millisecond; with the hardest pattern of `?` that there is, a few for names of 80 characters, and
 * a tenth of a second for the longest.
 */
const SLICE_LENGTH = 256;

export function createSelections(roomBytes = ROOM_BYTES): Selections {
  const kept = createByteLru<Uint32Array>(roomBytes);
  const underWay = new Map<string, Promise<Uint32Array>>();

  function keep(name: string, make: () => Uint32Array): Uint32Array {
    const known = kept.get(name);
    if (known !== undefined) return known;
    const made = make();
    kept.set(name, made, made.byteLength);
    return made;
  }

  function search(key: string, listing: Collection, all: Uint32Array, text: string): Promise<Uint32Array> {
    const started = found(listing, all, text)
      .then((positions) => {
        kept.set(key, positions, positions.byteLength);
        return positions;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, started);
    return started;
  }

  return {
    keep,
    select(listing, query) {
      const { order, name, isDescending } = orderOf(listing, query);
      const key = `${listing.href} ${name} ${isDescending}`;
      const all = keep(key, () => positionsInOrder(listing.length, order, isDescending));
      if (query.search === '') return all;
      const searchKey = `${key} ${query.search}`;
      const known = kept.get(searchKey) ?? underWay.get(searchKey);
      return known ?? search(searchKey, listing, all, query.search);
    },
  };
}

function orderOf({ orders, ownOrder }: Collection, { orderBy, sort }: ListQuery) {
  const name = orderBy ?? ownOrder ?? '';
  const order: Order = orders[name] ?? BY_POSITION;
  // Of names the first is looked for, and of numbers and times the largest.
  const isDescending = sort === undefined ? order.kind === 'number' : sort === 'desc';
  return { order, name, isDescending };
}

async function found({ nameAt }: Collection, all: Uint32Array, search: string): Promise<Uint32Array> {
  const fits = createSearch(search);
  const positions: number[] = [];
  for (let from = 0; from < all.length; from += SLICE_LENGTH) {
    if (from > 0) await yieldToEventLoop();
    for (const position of all.subarray(from, from + SLICE_LENGTH)) {
      if (fits(nameAt(position))) positions.push(position);
    }
  }
  return Uint32Array.from(positions);
}
