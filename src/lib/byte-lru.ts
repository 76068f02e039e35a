import { LRUCache } from 'lru-cache';

/** A cache of limited size in bytes, which evicts the least recently used entry first. An entry may grow while it is cached. */
export interface ByteLru<T> {
  get(key: string): T | undefined;
  /** Caches a value that takes `bytes` bytes, and evicts others as needed. A value larger than the whole cache is not cached. */
  set(key: string, value: T, bytes: number): void;
  /**
   * Adds `bytes` to the size of a cached value; a negative number makes it smaller. Returns false, and changes nothing, if the cache no longer
   * holds that very value under the key, or if the value would become larger than the whole cache.
   */
  grow(key: string, value: T, bytes: number): boolean;
}

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
}

/** The estimated memory of an entry besides its key and its bytes: the entry object, the buffer object, the slot in the map. */
const OVERHEAD_BYTES = 1024;

/** Counts the key too: it may contain a client's search text, of which each character takes up to two bytes. */
function sizeOf(key: string, bytes: number): number {
  return bytes + 2 * key.length + OVERHEAD_BYTES;
}

/** @param maxBytes the limit for all entries together, keys and overhead included */
export function createByteLru<T>(maxBytes: number): ByteLru<T> {
  const entries = new LRUCache<string, Entry<T>>({ maxSize: maxBytes });

  const put = (key: string, entry: Entry<T>): void => {
    entries.set(key, entry, { size: sizeOf(key, entry.bytes) });
  };

  return {
    get: (key) => entries.get(key)?.value,
    set: (key, value, bytes) => put(key, { value, bytes }),
    grow(key, value, bytes) {
      const entry = entries.peek(key);
      if (entry?.value !== value || sizeOf(key, entry.bytes + bytes) > maxBytes) return false;
      // A new entry object: lru-cache keeps the old size if the same object is set again.
      put(key, { value, bytes: entry.bytes + bytes });
      return true;
    },
  };
}
