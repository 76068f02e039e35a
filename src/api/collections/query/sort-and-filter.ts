import { orderInSteps } from '../../../domain/order.ts';
import { SearchSyntaxError } from '../../../domain/search/parse-search.ts';
import { createSearch, type Search } from '../../../domain/search/search.ts';
import { badRequest } from '../../../http/problems.ts';
import { WorkRefused } from '../../../http/work/bounded-work.ts';
import { createByteLru } from '../../../lib/byte-lru.ts';
import { type Resumable, unlessKnown } from '../../../lib/resumable.ts';
import type { Collection } from '../descriptor.ts';
import { type ListQuery, notASearch } from './list-query.ts';

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

export type SelectedCollection = Pick<Collection, 'descriptor' | 'href' | 'length' | 'searchedAt' | 'orderNamed'>;

/** A million tags in one order take 4 MB. */
const CACHE_BYTES = 64 * 1024 * 1024;
/* In nanoseconds, roughly. */
const COST_OF_STEP = 100_000;
const COST_OF_NAME = 500;

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

function* findMatches({ searchedAt }: SelectedCollection, all: Uint32Array, text: string): Resumable<Uint32Array> {
  yield; // to compile a regular expression takes longer than a response that is sent at once may take
  const { matches, costPerCharacter } = compile(text);
  const positions: number[] = [];
  let cost = 0;
  for (const position of all) {
    const subject = searchedAt(position);
    if (matches(subject)) positions.push(position);
    cost += COST_OF_NAME + subject.name.length * costPerCharacter;
    // A long name takes several steps at once: the number of steps tells how much work a search is.
    for (; cost >= COST_OF_STEP; cost -= COST_OF_STEP) yield;
  }
  return new Uint32Array(positions);
}

function compile(text: string): Search {
  try {
    return createSearch(text);
  } catch (error) {
    if (error instanceof SearchSyntaxError) throw new WorkRefused(badRequest(notASearch(error)));
    throw error;
  }
}
