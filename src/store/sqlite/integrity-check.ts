import { START_AGAIN } from '../errors.ts';

export type Ask = (sql: string) => readonly object[];

/**
 * Looks whether a database is whole, and returns what is not. One table at a time, and what it refers to for itself, with a stop before each: SQLite
 * checks a table in one go, at about 1 ms for every MB.
 */
export function* findDamage(ask: Ask): Generator<undefined, string | undefined> {
  const tables = ask(`SELECT name FROM sqlite_schema WHERE type = 'table'`) as readonly { readonly name: string }[];
  for (const { name } of tables) {
    yield;
    const [found] = ask(`PRAGMA quick_check('${name}')`) as readonly { readonly quick_check: string }[];
    if (found?.quick_check !== 'ok') return damaged(`${name}: ${found?.quick_check}`);
  }
  // Only when all of them can be read: a reference leads from one table to another.
  for (const { name } of tables) {
    yield;
    const [stray] = ask(`PRAGMA foreign_key_check('${name}')`);
    if (stray !== undefined) return damaged(`${name} refers to what is not there`);
  }
  return undefined;
}

function damaged(what: string): string {
  return `the store is damaged; ${START_AGAIN}: ${what.split('\n')[0]}`;
}
