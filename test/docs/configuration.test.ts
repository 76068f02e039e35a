import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationOverview, configurationPage } from '../../src/config/documentation.ts';
import { ROOT } from '../support/documentation.ts';

test('docs/configuration.md says what the schema says', async () => {
  await expect(configurationPage()).toMatchFileSnapshot('../../docs/configuration.md');
});

test('docs/operations.md has every key of the schema', async () => {
  const [before, after] = ['<!-- keys: ', '<!-- end of the keys -->'];
  const page = readFileSync(`${ROOT}docs/operations.md`, 'utf8');
  const start = page.indexOf('\n', page.indexOf(before));
  const end = page.indexOf(after);
  expect(start > 0 && end > start).toBe(true);
  const expected = `${page.slice(0, start)}\n\n${configurationOverview()}\n\n${page.slice(end)}`;
  await expect(expected).toMatchFileSnapshot('../../docs/operations.md');
});
