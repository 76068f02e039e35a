import { Buffer } from 'node:buffer';
import type { IllegalName } from '../ports.ts';

/** The names of a listing that the protocol does not allow: they may be of any length and number, and are kept and logged. */
export interface IllegalNames {
  /** The name, cut where it is too long; undefined where it was met before, or enough were met. */
  take(text: string): IllegalName | undefined;
}

const LONGEST = 300;
const MOST = 1000;

export function createIllegalNames(): IllegalNames {
  const met = new Set<string>();
  return {
    take(text) {
      if (met.size >= MOST) return undefined;
      const illegal = cut(text);
      if (met.has(illegal)) return undefined;
      met.add(illegal);
      return { illegal };
    },
  };
}

/** By way of bytes: what is cut off a string shares its memory, and would keep all of it. */
function cut(text: string): string {
  return text.length <= LONGEST ? text : Buffer.from(`${text.slice(0, LONGEST - 1)}…`).toString();
}
