import { expect, test } from 'vitest';
import { configurationPage } from '../src/config/documentation.ts';

test('docs/configuration.md says what the schema says', async () => {
  await expect(configurationPage()).toMatchFileSnapshot('../docs/configuration.md');
});
