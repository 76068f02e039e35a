import { makeDirectory } from '../../../lab/temporary.ts';
import type { Clock } from '../../../src/ports.ts';
import { openStore } from '../../../src/store/sqlite/open-store.ts';
import type { Retention, Store } from '../../../src/store/store.ts';
import { createMemoryStore, RETENTION } from '../../support/memory-store.ts';

/* The engines that the contract tests run against. To test another one, add it to ENGINES. */

export interface Engine {
  readonly name: string;
  /** Returns a place for a store that does not exist yet. */
  readonly newPlace: () => Place;
  /** Whether a store that was closed can be opened again with its data. */
  readonly isDurable: boolean;
  /** Whether the store removes cache entries that no tag has reached for a month. */
  readonly prunes: boolean;
}

export interface Place {
  /** Opens the store. Called again only after the store was closed, and only if the engine is durable. */
  open(options?: PlaceOptions): Promise<Store>;
}

export interface PlaceOptions {
  readonly clock?: Clock;
  readonly retention?: Retention;
}

const registryUrl = 'https://registry.example.com/';
const directory = makeDirectory('store-contract');
let filesCount = 0;

function sqliteAt(file: string): Place {
  return {
    open: async ({ clock = () => 0, retention = RETENTION } = {}) => openStore({ file, registryUrl, retention, clock }),
  };
}

export const ENGINES: readonly Engine[] = [
  {
    name: 'memory (the twin of the others)',
    newPlace: () => ({ open: async (options) => createMemoryStore(options) }),
    isDurable: false,
    prunes: false,
  },
  {
    name: 'SQLite',
    newPlace: () => sqliteAt(`${directory}/${++filesCount}.db`),
    isDurable: true,
    prunes: true,
  },
  {
    name: 'SQLite without a file',
    newPlace: () => sqliteAt(':memory:'),
    isDurable: false,
    prunes: true,
  },
];

export interface Session {
  readonly name: string;
  /** Opens a new store and returns a function that gives it for one call. */
  readonly start: () => Promise<() => Promise<Store>>;
}

/** Every engine with a store that stays open, and every durable one also with a store that is opened anew for each call. */
export const SESSIONS: readonly Session[] = ENGINES.flatMap(({ name, newPlace, isDurable }) => [
  {
    name,
    start: async () => {
      const store = await newPlace().open();
      return async () => store;
    },
  },
  ...(isDurable ? [{ name: `${name}, opened anew for every call`, start: () => reopening(newPlace()) }] : []),
]);

async function reopening(place: Place): Promise<() => Promise<Store>> {
  let store = await place.open();
  return async () => {
    store.close();
    store = await place.open();
    return store;
  };
}
