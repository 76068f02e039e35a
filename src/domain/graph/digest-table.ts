import type { Resumable } from '../../lib/resumable.ts';
import { byName, type Digest } from '../names.ts';
import { orderInSteps } from '../order.ts';
import { extendedTo } from './typed-arrays.ts';

/* Distinct digests, numbered in the order in which they were added. Nearly all are sha256: stored as 32 bytes, they take a fifth of the memory that
 * texts in a Map would take.
 *
 *      number        0          1          2          3
 *      packed   │ 8 words  │ 8 words  │    0 …   │ 8 words  │
 *      others                              └► sha512:…           every other algorithm
 *      slots    │ · │ 3 │ · │ 0 │ 1 │ · │ · │ · │                hash table: the numbers of the packed digests */
export interface DigestTable {
  readonly length: number;
  at(node: number): Digest;
  /** Returns the number of the digest; undefined if the table does not contain it. */
  nodeOf(digest: string): number | undefined;
  /** Compares two digests, given by number, as texts. */
  compare(one: number, other: number): number;
  /** Returns all numbers in the order of their digests as texts. */
  inOrder(): Resumable<Uint32Array>;
  pack(): PackedDigests;
}

/** A table as plain data. */
export interface PackedDigests {
  /** Eight words for each number; 0 if the digest is in `others`. */
  readonly packed: Uint32Array;
  readonly others: ReadonlyMap<number, Digest>;
}

/** Returns the table that was packed. The hash table is built at the first lookup. */
export function unpackDigests(digests: PackedDigests): DigestTable {
  return new DigestTableBuilder(digests).build();
}

const PREFIX = 'sha256:';
const WORDS = 8;
const DIGITS_PER_WORD = 8;
/** A step takes about a tenth of a millisecond. */
const NODES_PER_STEP = 2048;
const TEXT_LENGTH = PREFIX.length + WORDS * DIGITS_PER_WORD;
/** A power of two. */
const MIN_SLOTS = 128;

/** Collects digests. */
export class DigestTableBuilder {
  #packed: Uint32Array;
  #length: number;
  readonly #others: Map<number, Digest>;
  readonly #otherNumbers: Map<string, number>;
  /** 1 + the number of each packed digest, at its hash or in the next free slot; 0 is a free slot. Undefined before the first lookup. */
  #slots: Uint32Array | undefined;
  #seed = 0;
  /** The words of the digest that is being looked up. */
  readonly #wanted = new Uint32Array(WORDS);

  constructor({ packed, others }: PackedDigests = { packed: new Uint32Array(), others: new Map() }) {
    this.#packed = packed;
    this.#length = packed.length / WORDS;
    this.#others = new Map(others);
    this.#otherNumbers = new Map([...others].map(([node, digest]) => [digest, node]));
  }

  get length(): number {
    return this.#length;
  }

  /** Returns the number of the digest. A new digest gets the next number. */
  add(digest: Digest): number {
    if (!parse(digest, this.#wanted)) return this.#otherNumbers.get(digest) ?? this.#addOther(digest);
    const slots = this.#slotsFor(this.#length + 1);
    const slot = this.#slotOf(slots, this.#wanted);
    const found = slots[slot] ?? 0;
    if (found !== 0) return found - 1;
    const node = this.#addRow();
    const packed = this.#packed;
    for (let i = 0, at = node * WORDS; i < WORDS; i++) packed[at++] = this.#wanted[i] ?? 0;
    slots[slot] = node + 1;
    return node;
  }

  nodeOf(digest: string): number | undefined {
    if (!parse(digest, this.#wanted)) return this.#otherNumbers.get(digest);
    const slots = this.#slotsFor(this.#length);
    const found = slots[this.#slotOf(slots, this.#wanted)] ?? 0;
    return found === 0 ? undefined : found - 1;
  }

  at(node: number): Digest {
    return this.#others.get(node) ?? spell(this.#packed, node * WORDS);
  }

  compare(one: number, other: number): number {
    if (this.#others.has(one) || this.#others.has(other)) return byName(this.at(one), this.at(other));
    for (let i = 0; i < WORDS; i++) {
      const difference = (this.#packed[one * WORDS + i] ?? 0) - (this.#packed[other * WORDS + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Returns a table of all digests so far. It does not change when more are added. */
  build(): DigestTable {
    const length = this.#length;
    return {
      length,
      at: (node) => this.at(node),
      nodeOf: (digest) => {
        const node = this.nodeOf(digest);
        return node !== undefined && node < length ? node : undefined;
      },
      compare: (one, other) => this.compare(one, other),
      inOrder: () => this.#inOrder(length),
      pack: () => ({
        packed: this.#packed.subarray(0, length * WORDS),
        others: new Map([...this.#others].filter(([node]) => node < length)),
      }),
    };
  }

  /** Sorts by the first 53 bits, which are distinct for nearly all digests, and then the few that share them. */
  *#inOrder(length: number): Resumable<Uint32Array> {
    const compare = (one: number, other: number): number => this.compare(one, other);
    if (this.#others.size > 0) return yield* orderInSteps(length, { kind: 'text', compare }, false);
    const firstBits = (node: number): number =>
      (this.#packed[node * WORDS] ?? 0) * 2 ** 21 + ((this.#packed[node * WORDS + 1] ?? 0) >>> 11);
    const order = yield* orderInSteps(length, { kind: 'number', valueAt: firstBits }, false);
    for (let from = 0, to = 1; from < length; from = to, to++) {
      while (to < length && firstBits(order[to] ?? 0) === firstBits(order[from] ?? 0)) to++;
      if (to - from > 1) yield* sortPart(order.subarray(from, to), compare);
      if (to % NODES_PER_STEP === 0) yield;
    }
    return order;
  }

  #addOther(digest: Digest): number {
    const node = this.#addRow();
    this.#others.set(node, digest);
    this.#otherNumbers.set(digest, node);
    return node;
  }

  #addRow(): number {
    const node = this.#length++;
    this.#packed = extendedTo(this.#packed, node * WORDS + WORDS - 1);
    return node;
  }

  /** Returns slots of which at least a third stays free with `length` digests. */
  #slotsFor(length: number): Uint32Array {
    if (this.#slots !== undefined && 2 * this.#slots.length >= 3 * length) return this.#slots;
    let count = this.#slots?.length ?? MIN_SLOTS;
    while (2 * count < 3 * length) count *= 2;
    const slots = new Uint32Array(count);
    // An attacker could push digests with equal hashes. The seed prevents this: it depends on the last digest before the slots grew, which is hard
    // to know.
    if (this.#length > 0) this.#seed = hashOf(this.#packed, (this.#length - 1) * WORDS, this.#seed);
    for (let node = 0; node < this.#length; node++) {
      if (this.#others.size > 0 && this.#others.has(node)) continue;
      let slot = hashOf(this.#packed, node * WORDS, this.#seed) & (count - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (count - 1);
      slots[slot] = node + 1;
    }
    this.#slots = slots;
    return slots;
  }

  /** Returns the slot that contains the digest with those words, or the free slot where it would be added. */
  #slotOf(slots: Uint32Array, words: Uint32Array): number {
    const mask = slots.length - 1;
    const packed = this.#packed;
    for (let slot = hashOf(words, 0, this.#seed) & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot] ?? 0;
      if (found === 0 || isAt(packed, (found - 1) * WORDS, words)) return slot;
    }
  }
}

/** Sorts a part of an order in place. */
function* sortPart(part: Uint32Array, compare: (one: number, other: number) => number): Resumable<void> {
  const nodes = part.slice();
  const compareAt = (a: number, b: number): number => compare(nodes[a] ?? 0, nodes[b] ?? 0);
  const order = yield* orderInSteps(nodes.length, { kind: 'text', compare: compareAt }, false);
  for (const [i, position] of order.entries()) part[i] = nodes[position] ?? 0;
}

/** Parses the text of a digest into words. Returns false if it is not a sha256. */
function parse(text: string, words: Uint32Array): boolean {
  if (text.length !== TEXT_LENGTH || !text.startsWith(PREFIX)) return false;
  let all = 0;
  for (let i = 0, at = PREFIX.length; i < WORDS; i++) {
    let word = 0;
    for (const end = at + DIGITS_PER_WORD; at < end; at += 2) {
      const high = DIGIT_VALUES[text.charCodeAt(at)] ?? NO_DIGIT;
      const low = DIGIT_VALUES[text.charCodeAt(at + 1)] ?? NO_DIGIT;
      all |= high | low;
      word = (word << 8) | (high << 4) | low;
    }
    words[i] = word;
  }
  return all < NO_DIGIT;
}

/** Returns the text of the digest whose words start at that index. */
function spell(packed: Uint32Array, start: number): Digest {
  let length = PREFIX.length;
  for (let at = start, end = start + WORDS; at < end; at++) {
    const word = packed[at] ?? 0;
    for (let shift = 28; shift >= 0; shift -= 4) TEXT[length++] = DIGITS[(word >>> shift) & 15] ?? 0;
  }
  return String.fromCharCode.apply(undefined, TEXT) as Digest;
}

function hashOf(words: Uint32Array, start: number, seed: number): number {
  let hash = seed;
  for (let at = start, end = start + WORDS; at < end; at++) {
    hash = Math.imul(hash ^ (words[at] ?? 0), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

function isAt(packed: Uint32Array, start: number, words: Uint32Array): boolean {
  for (let i = 0; i < WORDS; i++) if (packed[start + i] !== words[i]) return false;
  return true;
}

function codesOf(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}

const DIGITS = codesOf('0123456789abcdef');
/** A buffer for the character codes of a digest. */
const TEXT = [...codesOf(PREFIX), ...new Array<number>(WORDS * DIGITS_PER_WORD).fill(0)];
const NO_DIGIT = 16;
/** By ASCII code: the value of the hexadecimal digit. */
const DIGIT_VALUES = new Uint8Array(128).fill(NO_DIGIT);
for (const [value, code] of DIGITS.entries()) DIGIT_VALUES[code] = value;
