import { readFileSync } from 'node:fs';

/** A fixture that holds one JSON value a line. */
export function readJsonLines<T>(name: string): readonly T[] {
  const text = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
