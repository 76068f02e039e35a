import { DAMAGED } from './sqlite-error.ts';

export type Ask = (sql: string) => readonly object[];

/**
 * Checks whether a database is intact, and returns what is wrong; undefined if nothing is. Yields before each table and before each check of its
 * references: SQLite checks a table in one call, which takes about 1 ms per MB.
 */
export function* findDamage(ask: Ask): Generator<undefined, string | undefined> {
  const tables = ask(`SELECT name FROM sqlite_schema WHERE type = 'table'`) as readonly { readonly name: string }[];
  for (const { name } of tables) {
    yield;
    const [found] = ask(`PRAGMA quick_check('${name}')`) as readonly { readonly quick_check: string }[];
    if (found?.quick_check !== 'ok') return damaged(`${name}: ${found?.quick_check}`);
  }
  // References lead from one table to another: they can be checked only once all tables are known to be readable.
  for (const { name } of tables) {
    yield;
    const [stray] = ask(`PRAGMA foreign_key_check('${name}')`);
    if (stray !== undefined) return damaged(`table ${name} refers to a row that does not exist`);
  }
  return undefined;
}

function damaged(details: string): string {
  return `${DAMAGED}: ${details.split('\n')[0]}`;
}
