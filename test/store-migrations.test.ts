import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../src/store/migrations.ts';

/** Of every migration that was released: databases have it behind them, so that another text would be true of new ones only. */
const RELEASED: readonly string[] = ['8216b1523f9578ce542a8ef241aa8ca0110e7c0dbe7c3fe18dcfb048d34bc503'];

test('migrations are added at the end, and never edited', () => {
  expect(MIGRATIONS.map((text) => hash('sha256', text))).toEqual(RELEASED);
});
