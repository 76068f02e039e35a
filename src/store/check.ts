import type { Database } from './database.ts';
import { START_AGAIN, StoreError } from './errors.ts';
import { createTurns } from './turns.ts';

/** Throws a `StoreError` where the database is not whole. One table at a time: that of the manifests may be large. */
export async function checkDatabase(database: Database): Promise<void> {
  const turns = createTurns(1);
  const tables = database.statement<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
  for (const { name } of tables) {
    await turns();
    const [found] = database.statement<{ quick_check: string }>(`PRAGMA quick_check('${name}')`).all();
    if (found?.quick_check !== 'ok') throw damaged(database, `${name}: ${found?.quick_check}`);
  }
  const [stray] = database.statement<{ table: string }>('PRAGMA foreign_key_check').all();
  if (stray !== undefined) throw damaged(database, `${stray.table} refers to what is not there`);
}

function damaged({ file }: Database, what: string): StoreError {
  return new StoreError(`the store is damaged; ${START_AGAIN}: ${what.split('\n')[0]}`, file);
}
