import type { Database } from './database.ts';
import { START_AGAIN, StoreError } from './errors.ts';
import { createTurns } from './turns.ts';

/**
 * Throws a `StoreError` where the database is not whole. One table at a time, and what it refers to for itself: SQLite checks a table in one go.
 * So the longest that others wait is for the largest table, which is that of the manifests or of the figures: about 1 ms for every MB, as measured
 * 0.2 s for 60,000 manifests of 3 kB, and 0.1 s each for the pages and the references of 720,000 figures.
 */
export async function checkDatabase(database: Database): Promise<void> {
  const turns = createTurns(1);
  const tables = database.statement<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
  for (const { name } of tables) {
    await turns();
    const [found] = database.statement<{ quick_check: string }>(`PRAGMA quick_check('${name}')`).all();
    if (found?.quick_check !== 'ok') throw damaged(database, `${name}: ${found?.quick_check}`);
  }
  // Only when all of them can be read: a reference leads from one table to another.
  for (const { name } of tables) {
    await turns();
    const [stray] = database.statement(`PRAGMA foreign_key_check('${name}')`).all();
    if (stray !== undefined) throw damaged(database, `${name} refers to what is not there`);
  }
}

function damaged({ file }: Database, what: string): StoreError {
  return new StoreError(`the store is damaged; ${START_AGAIN}: ${what.split('\n')[0]}`, file);
}
