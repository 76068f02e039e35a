/* Matches a pattern with `*` (any characters) and `?` (one character) against a whole text:
 *
 *   rel*a?b*c        the parts between the stars
 *   ▲   ▲   ▲
 *   │   │   └ the last part must be at the end
 *   │   └ each other part is where it comes first, behind the part before it
 *   └ the first part must be at the start
 *
 * A part without `?` is found by the engine's own search. A part with `?` is found by the Shift-And algorithm (Baeza-Yates and Gonnet, 1992), which
 * keeps one bit for each character of the part. So the time is at most the length of the text, times that of the longest part divided by 32. */

export interface Glob {
  readonly matches: (text: string) => boolean;
  /** The time for each character of a text, in nanoseconds, roughly. */
  readonly costPerCharacter: number;
}

/** Finds a part at or behind a position. Returns the position behind it; -1 if there is none. */
type FindEnd = (text: string, from: number) => number;

const WORD_BITS = 32;
const COST_OF_WORD = 4;

export function compileGlob(pattern: string): Glob {
  const parts = pattern.split(/\*+/);
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  const shortest = parts.reduce((sum, { length }) => sum + length, 0);
  const costPerCharacter = COST_OF_WORD * (1 + Math.ceil(Math.max(...parts.map(({ length }) => length)) / WORD_BITS));
  if (parts.length === 1) {
    return { matches: (text) => text.length === shortest && isAt(text, 0, first), costPerCharacter };
  }
  const finders = parts.slice(1, -1).map(createFinder);
  const matches = (text: string): boolean => {
    const lastAt = text.length - last.length;
    if (text.length < shortest || !isAt(text, 0, first) || !isAt(text, lastAt, last)) return false;
    let at = first.length;
    for (const findEnd of finders) {
      at = findEnd(text, at);
      if (at === -1) return false;
    }
    return at <= lastAt;
  };
  return { matches, costPerCharacter };
}

function isAt(text: string, at: number, part: string): boolean {
  if (!part.includes('?')) return text.startsWith(part, at);
  for (let i = 0; i < part.length; i++) if (part[i] !== '?' && part[i] !== text[at + i]) return false;
  return true;
}

function createFinder(part: string): FindEnd {
  if (part.includes('?')) return createShiftAnd(part);
  return (text, from) => {
    const at = text.indexOf(part, from);
    return at === -1 ? -1 : at + part.length;
  };
}

/** Bit i of the state tells whether the text that has been read ends with the first i + 1 characters of the part. */
function createShiftAnd(part: string): FindEnd {
  const words = Math.ceil(part.length / WORD_BITS);
  const anyMask = maskOf(part, words, '?');
  const masks = new Map([...new Set(part)].map((character) => [character, maskOf(part, words, character)]));
  const lastWord = words - 1;
  const lastBit = 1 << ((part.length - 1) % WORD_BITS);
  const state = new Uint32Array(words);
  return (text, from) => {
    state.fill(0);
    for (let at = from; at < text.length; at++) {
      const mask = masks.get(text[at] ?? '') ?? anyMask;
      let carry = 1;
      for (let word = 0; word < words; word++) {
        const before = state[word] ?? 0;
        state[word] = ((before << 1) | carry) & (mask[word] ?? 0);
        carry = before >>> (WORD_BITS - 1);
      }
      if (((state[lastWord] ?? 0) & lastBit) !== 0) return at + 1;
    }
    return -1;
  };
}

/** Returns the bits of the places where the part allows that character. */
function maskOf(part: string, words: number, character: string): Uint32Array {
  const mask = new Uint32Array(words);
  for (let i = 0; i < part.length; i++) {
    const word = Math.floor(i / WORD_BITS);
    if (part[i] === character || part[i] === '?') mask[word] = (mask[word] ?? 0) | (1 << (i % WORD_BITS));
  }
  return mask;
}
