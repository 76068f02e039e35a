/** Texts that come up again and again, each once, by number. */
export interface StringPool<T extends string> {
  readonly texts: readonly T[];
  /** The number of that text; the next one where it is new. */
  add(text: T): number;
}

/** A table in which '' is number 0: it stands for none. */
export function createStringPool<T extends string>(): StringPool<T | ''> {
  const texts: (T | '')[] = [''];
  const numbers = new Map<string, number>([['', 0]]);
  return {
    texts,
    add(text) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, texts.length);
      return texts.push(text) - 1;
    },
  };
}
