import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generatedFiles } from '../../tools/generated-files.ts';
import { ROOT } from '../support/documentation.ts';

test.each([...generatedFiles()])('%s is up to date (npm run generate writes it)', (file, expected) => {
  expect(readFileSync(`${ROOT}${file}`, 'utf8') === expected).toBe(true);
});
