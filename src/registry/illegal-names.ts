import { Buffer } from 'node:buffer';
import type { IllegalName } from '../ports.ts';

/** Collects names that the protocol does not allow. They are stored and logged, so their number and length are limited. */
export interface IllegalNames {
  /** Returns the name, shortened if it is too long; undefined for a duplicate, or if the limit is reached. */
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

/** Through bytes, because a substring shares memory with the whole string and would keep it alive. */
function cut(text: string): string {
  return text.length <= LONGEST ? text : Buffer.from(`${text.slice(0, LONGEST - 1)}…`).toString();
}
