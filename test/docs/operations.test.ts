import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isSaid, ROOT, SOURCE } from '../support/documentation.ts';

/* What docs/operations.md quotes of the log, of answers and of metrics is what the service says. */

/** A page without its comments, which nobody is shown. */
const shown = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8').replace(/<!--.*?-->/gs, '');

const SPANS = [...shown('docs/operations.md').matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, span = '']) => span);
const SENTENCES = SPANS.filter((span) => /^[A-Za-z][\w-]*(?:[,;]? \w[\w-]*)+$/.test(span));
const SERIES = SPANS.filter((span) => /^(?:registry_usage|process)_\w+$/.test(span));

test.for([...new Set(SENTENCES)])('“%s” is what the service says', (sentence) => {
  expect(isSaid(sentence)).toBe(true);
});

test.for([...new Set(SERIES)])('%s is a series that docs/monitoring.md explains', (name) => {
  const monitoring = shown('docs/monitoring.md');
  const own = name.replace('registry_usage_', '');
  expect(own.startsWith('process_') || new RegExp(`\`${own}[\`{]`).test(monitoring)).toBe(true);
  expect(own.startsWith('process_') || SOURCE.includes(`'${own}'`) || SOURCE.includes(`\${PREFIX}${own}\``)).toBe(true);
});

test('there is something to look at', () => {
  expect([SENTENCES.length, SERIES.length].every((count) => count > 4)).toBe(true);
});
