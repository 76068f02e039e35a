import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isInSource, ROOT, SOURCE } from '../support/documentation.ts';

/* Checks that the messages and metrics that docs/operations.md quotes exist in the source. */

/** Returns a page without its comments. */
const shown = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8').replace(/<!--.*?-->/gs, '');

const SPANS = [...shown('docs/operations.md').matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, span = '']) => span);
const SENTENCES = SPANS.filter((span) => /^[A-Za-z][\w-]*(?:[,;]? \w[\w-]*)+$/.test(span));
const METRICS = SPANS.filter((span) => /^(?:registry_usage|process)_\w+$/.test(span));

test.for([...new Set(SENTENCES)])('“%s” is a text of the service', (sentence) => {
  expect(isInSource(sentence)).toBe(true);
});

test.for([...new Set(METRICS)])('%s is a metric that docs/monitoring.md explains', (name) => {
  const monitoring = shown('docs/monitoring.md');
  const own = name.replace('registry_usage_', '');
  expect(own.startsWith('process_') || new RegExp(`\`${own}[\`{]`).test(monitoring)).toBe(true);
  expect(own.startsWith('process_') || SOURCE.includes(`'${own}'`) || SOURCE.includes(`\${PREFIX}${own}\``)).toBe(true);
});

test('finds messages and metrics to check', () => {
  expect([SENTENCES.length, METRICS.length].every((count) => count > 4)).toBe(true);
});
