import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../src/store/migrations.ts';

/** Of every migration that was released: databases have it behind them, so that another text would be true of new ones only. */
const RELEASED: readonly string[] = ['dcf8e63982523642ad7fb614114cd683a422e5981a1c89d0a7291601fbd8a8f4'];

test('migrations are added at the end, and never edited', () => {
  expect(MIGRATIONS.map((text) => hash('sha256', text))).toEqual(RELEASED);
});
