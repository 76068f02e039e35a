/** What a text of a configuration means, or what is wrong with it: a predicate such as `is not a number`, which never quotes the text. */
export type Reading<T> = { readonly value: T } | { readonly wrong: string };
export type Reader<T> = (text: string) => Reading<T>;

/** One key of the configuration: validation, documentation and the default file all come from here. */
export interface Key<T> {
  /** What it is for, in whole sentences. */
  readonly about: string;
  /** What a right value looks like; ends the line of a problem and stands in the documentation. */
  readonly right: string;
  readonly read: Reader<T>;
  /** The text that counts where the key is not set. A key without one must be set. */
  readonly fallback?: string;
  /** What the default file shows: a placeholder that must be replaced, or an example. */
  readonly sample?: string;
  /** Never shown, and taken from a file named by `…_FILE` too. */
  readonly isSecret?: true;
  /** Not in the first version of this service: the default file shows it commented out. */
  readonly isNew?: true;
}

/** Keys by name, in the order of the file. */
export interface Section {
  readonly about: string;
  readonly keys: Readonly<Record<string, Key<unknown>>>;
}

/** The type that a key's reader gives. */
export type KeyValue<K> = K extends Key<infer T> ? T : never;

/** Keeps the type of the reader's value, which a plain annotation would widen. */
export function key<T>(definition: Key<T>): Key<T> {
  return definition;
}
