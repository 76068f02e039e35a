/** What is known of many keys, and of no more than a certain number of them. */
export interface EvictingMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  size(): number;
}

/**
 * When it is full it forgets the lighter half. Whoever brings in many keys so that his own is forgotten needs half a table of keys that weigh
 * more: what he gains is less than what he spends. Forgetting half at once makes the sorting cheap for each key.
 *
 * @param weightOf what would be lost with a value, in any unit
 */
export function createEvictingMap<T>(most: number, weightOf: (value: T) => number): EvictingMap<T> {
  const values = new Map<string, T>();

  function forgetLighterHalf(): void {
    const byWeight = [...values].sort(([, a], [, b]) => weightOf(a) - weightOf(b));
    for (const [key] of byWeight.slice(0, Math.ceil(byWeight.length / 2))) values.delete(key);
  }

  return {
    get: (key) => values.get(key),
    set(key, value) {
      if (values.size >= most && !values.has(key)) forgetLighterHalf();
      values.set(key, value);
    },
    delete: (key) => void values.delete(key),
    size: () => values.size,
  };
}
