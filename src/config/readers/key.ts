/** The value of a text, or the reason why it has none: a predicate such as `is not a number` that never quotes the text. */
export type Reading<T> = { readonly value: T } | { readonly wrong: string };
export type Reader<T> = (text: string) => Reading<T>;

/** One key of the configuration. Validation, documentation and the default file are derived from it. */
export interface Key<T> {
  /** Its purpose, in whole sentences. */
  readonly about: string;
  /** A description of valid values, for error messages and the documentation. */
  readonly right: string;
  readonly read: Reader<T>;
  /** The default, as text. A key without a default must be set. */
  readonly fallback?: string;
  /** The value in the default file: a placeholder that must be replaced, or an example. */
  readonly sample?: string;
  /** Never shown; also read from a file that the variable `…_FILE` names. */
  readonly isSecret?: true;
  /** The Python service did not have this key: the default file contains it as a comment. */
  readonly isNew?: true;
}

/** Keys by name, in the order of the file. */
export interface Section {
  readonly about: string;
  readonly keys: Readonly<Record<string, Key<unknown>>>;
}

/** The type of a key's value. */
export type KeyValue<K> = K extends Key<infer T> ? T : never;

/** Returns its argument; it keeps the type of the value, which a type annotation would widen. */
export function key<T>(definition: Key<T>): Key<T> {
  return definition;
}
