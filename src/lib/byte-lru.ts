import { LRUCache } from 'lru-cache';

/** What is kept while there is room, what was asked for longest ago going first: by what it costs, which may become more. */
export interface ByteLru<T> {
  get(key: string): T | undefined;
  set(key: string, value: T, bytes: number): void;
  /** Counts so many bytes more, or less, for what is kept there; false, and not counted, where that is not kept any more, or there is no room. */
  grow(key: string, value: T, bytes: number): boolean;
}

interface Entry<T> {
  readonly value: T;
  readonly bytes: number;
}

/** What an entry costs besides its bytes and its key: its buffer, itself. */
const OVERHEAD_BYTES = 1024;

/** A key holds what a client has searched for, and a character of it may take two bytes. */
function sizeOf(key: string, bytes: number): number {
  return bytes + 2 * key.length + OVERHEAD_BYTES;
}

export function createByteLru<T>(roomBytes: number): ByteLru<T> {
  const entries = new LRUCache<string, Entry<T>>({ maxSize: roomBytes });

  const put = (key: string, entry: Entry<T>): void => {
    entries.set(key, entry, { size: sizeOf(key, entry.bytes) });
  };

  return {
    get: (key) => entries.get(key)?.value,
    set: (key, value, bytes) => put(key, { value, bytes }),
    grow(key, value, bytes) {
      const entry = entries.peek(key);
      if (entry?.value !== value || sizeOf(key, entry.bytes + bytes) > roomBytes) return false;
      // A new entry: the size of one that is there already would stay as it was.
      put(key, { value, bytes: entry.bytes + bytes });
      return true;
    },
  };
}
