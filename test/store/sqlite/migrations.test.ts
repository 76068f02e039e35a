import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/store/sqlite/migrations.ts';

/** Of every migration that was released: databases have it behind them, so that another text would be true of new ones only. */
const RELEASED: readonly string[] = ['e8ee26cd1b81f0087aae5965fc08b282bb727f6d5eadc54f568740f638691277'];

test('migrations are added at the end, and never edited', () => {
  expect(MIGRATIONS.map((text) => hash('sha256', text))).toEqual(RELEASED);
});
