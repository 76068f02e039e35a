import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../src/store/migrations.ts';

/** Of every migration that was released: databases have it behind them, so that another text would be true of new ones only. */
const RELEASED: readonly string[] = ['82fc23c032320cd1a64791a9d2545a147435ccf07daab364f0d6796931426803'];

test('migrations are added at the end, and never edited', () => {
  expect(MIGRATIONS.map((text) => hash('sha256', text))).toEqual(RELEASED);
});
