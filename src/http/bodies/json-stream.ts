/* How a representation becomes text: in parts, so that a tree of any size is written while others are answered, and never lies in memory twice.
 *
 *   { "name": "a", "size": 7,  "_embedded": { "items": [ {…}, {…}, … ] } }
 *   └── as it is, at once ──┘                            └ Members: each made when its turn comes, and let go of */

/** A list of a representation whose members are made as they are read, each time anew. */
export class LazyArray<T> implements Iterable<T> {
  readonly length: number;
  readonly #make: () => Iterable<T>;

  constructor(length: number, make: () => Iterable<T>) {
    this.length = length;
    this.#make = make;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#make()[Symbol.iterator]();
  }

  /** For JSON.stringify, which wants all of them at once. */
  toJSON(): readonly T[] {
    return [...this];
  }
}

/** A list that can be gone through, and whose length is known. */
export type Sequence<T> = Iterable<T> & { readonly length: number };

/** A list of the same length, by a function that is called for a member when it is read. */
export function lazyArrayOf<S, T>(list: Sequence<S>, make: (one: S) => T): LazyArray<T> {
  return new LazyArray(list.length, function* () {
    for (const one of list) yield make(one);
  });
}

/** Short enough that making one takes a few milliseconds, and long enough that its own cost is nothing. */
export const PART_LENGTH = 256 * 1024;

/** The JSON of a representation, in parts of about PART_LENGTH characters; the last one is shorter. */
export function* jsonParts(representation: unknown): Generator<Buffer, void> {
  let text = '';
  for (const piece of pieces(representation)) {
    text += piece;
    if (text.length < PART_LENGTH) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

function* pieces(value: unknown): Generator<string, void> {
  if (value instanceof LazyArray) yield* list(value);
  else if (hasMembers(value)) yield* object(value);
  else yield JSON.stringify(value);
}

function* list(members: LazyArray<unknown>): Generator<string, void> {
  let separator = '[';
  for (const member of members) {
    yield separator;
    yield* pieces(member);
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}

function* object(value: Readonly<Record<string, unknown>>): Generator<string, void> {
  let separator = '{';
  for (const [name, one] of Object.entries(value)) {
    if (one === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    yield* pieces(one);
    separator = ',';
  }
  yield '}';
}

/** An array holds none: it was made at once, and is written at once. */
function hasMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).some((one) => one instanceof LazyArray || hasMembers(one));
}
