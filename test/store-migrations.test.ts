import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../src/store/migrations.ts';

/** Of every migration that was released: databases have it behind them, so that another text would be true of new ones only. */
const RELEASED: readonly string[] = ['6bbbd414635f2514b29b9269453a67464ab8887e1976c2888567cda9b0c4eac5'];

test('migrations are added at the end, and never edited', () => {
  expect(MIGRATIONS.map((text) => hash('sha256', text))).toEqual(RELEASED);
});
