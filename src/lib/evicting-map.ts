/** A map with a limited number of keys. */
export interface EvictingMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  size(): number;
}

/**
 * Creates a map that evicts the lighter half of its keys when it is full and a new key arrives.
 *
 * A client that adds keys in order to evict its own entry must first fill half of the map with heavier ones, which costs the client more than
 * the eviction gains. Evicting half of the keys at once spreads the cost of sorting over many insertions.
 *
 * @param maxKeys the largest number of keys
 * @param weightOf how much would be lost with a value, in any unit
 */
export function createEvictingMap<T>(maxKeys: number, weightOf: (value: T) => number): EvictingMap<T> {
  const values = new Map<string, T>();

  function evictLighterHalf(): void {
    const byWeight = [...values].sort(([, a], [, b]) => weightOf(a) - weightOf(b));
    for (const [key] of byWeight.slice(0, Math.ceil(byWeight.length / 2))) values.delete(key);
  }

  return {
    get: (key) => values.get(key),
    set(key, value) {
      if (values.size >= maxKeys && !values.has(key)) evictLighterHalf();
      values.set(key, value);
    },
    delete: (key) => void values.delete(key),
    size: () => values.size,
  };
}
