/** Numbers for texts that occur many times. */
export interface StringPool<T extends string> {
  readonly texts: readonly T[];
  /** Returns the number of the text. A new text gets the next number. */
  add(text: T): number;
}

/** Creates a pool in which number 0 is '', which stands for no text. */
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
