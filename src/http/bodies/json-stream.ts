import type { Resumable } from '../../lib/resumable.ts';

/* Converts a representation to text in parts, so that other requests are handled while a large tree is written, and the text is not in memory twice.
 *
 *   { "name": "a", "size": 7,  "_embedded": { "items": [ {…}, {…}, … ] } }
 *   └── converted at once ──┘                            └ a LazyArray: each member is made when it is written, and then freed */

/** A list whose members are made as they are read, and made again for each reader. */
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

  /** For JSON.stringify, which needs all members at once. */
  toJSON(): readonly T[] {
    return [...this];
  }
}

/** A list that can be iterated over, and has a known length. */
export type Sequence<T> = Iterable<T> & { readonly length: number };

/** Maps a list lazily: `make` is called for a member when it is read. */
export function lazyArrayOf<S, T>(list: Sequence<S>, make: (one: S) => T): LazyArray<T> {
  return new LazyArray(list.length, function* () {
    for (const one of list) yield make(one);
  });
}

/** Short enough to be generated in a few milliseconds, and long enough that the number of parts does not matter. */
export const PART_LENGTH = 256 * 1024;

/** A step takes about a tenth of a millisecond. */
const PIECES_PER_STEP = 32;

/**
 * Generates the JSON of a representation in small steps. Yields a part of about PART_LENGTH characters when it is complete, the last one shorter, and
 * undefined after each step without one.
 */
export function* jsonInSteps(representation: unknown): Generator<Buffer | undefined, void> {
  let text = '';
  let count = 0;
  for (const piece of pieces(representation)) {
    text += piece;
    if (text.length >= PART_LENGTH) {
      yield Buffer.from(text);
      text = '';
    } else if (++count % PIECES_PER_STEP === 0) yield undefined;
  }
  if (text !== '') yield Buffer.from(text);
}

/** Runs the steps up to the end of the next part. Returns undefined at the end. */
export function* nextPart(parts: Iterator<Buffer | undefined, void>): Resumable<Buffer | undefined> {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return undefined;
    if (value !== undefined) return value;
    yield;
  }
}

function* pieces(value: unknown): Generator<string, void> {
  if (value instanceof LazyArray) yield* list(value);
  else if (hasLazyArray(value)) yield* object(value);
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

/** An array contains no lazy list: its members were all made at once, so they are written at once. */
function hasLazyArray(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).some((one) => one instanceof LazyArray || hasLazyArray(one));
}
