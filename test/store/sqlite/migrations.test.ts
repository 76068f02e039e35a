import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MIGRATIONS } from '../../../src/store/sqlite/migrations.ts';

/** The checksums of all released migrations. Existing databases have applied them, so a change would affect only new ones. */
const RELEASED: readonly string[] = [
  'e8ee26cd1b81f0087aae5965fc08b282bb727f6d5eadc54f568740f638691277',
  '3ff63421f736fad6870a96dac7bd8c692909ef023a0505ac35eeaa461a48ee50',
  '9953516917a8838f6105746bc5495d9049e444470e3ab17198c3f9a6e7d97a70',
  'a33d5cb2ccea9295b6f047738ac4ad070936c23cc07542093c435c477cc651c9',
];

test('released migrations stay unchanged, and new ones come at the end', () => {
  expect(MIGRATIONS.map((text) => hash('sha256', text))).toEqual(RELEASED);
});
