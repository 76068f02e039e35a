import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROOT } from './documentation.ts';

/* What docs/operations.md quotes of the log, of answers and of metrics is what the service says. */

const SPANS = [...readFileSync(`${ROOT}docs/operations.md`, 'utf8').matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(
  ([, span = '']) => span,
);
/** Without comments: what only stands there nobody says. */
const SOURCE = globSync('src/**/*.ts', { cwd: ROOT })
  .map((file) => readFileSync(`${ROOT}${file}`, 'utf8').replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/ .*$/gm, ''))
  .join('\n');

const SENTENCES = SPANS.filter((span) => /^[A-Za-z][\w-]*(?:[,;]? [\w-]+)+$/.test(span));
const SERIES = SPANS.filter((span) => /^(?:registry_usage|process)_\w+$/.test(span));

/** A part of a sentence as the source has it: some of its words are only known then. */
function pattern(part: string): RegExp {
  return new RegExp(part.replace(/[\w-]+/g, '(?:$&|\\$\\{\\w+\\})'));
}

test.for([...new Set(SENTENCES)])('“%s” is what the service says', (sentence) => {
  for (const part of sentence.split('; ')) expect(pattern(part).test(SOURCE), part).toBe(true);
});

test.for([...new Set(SERIES)])('%s is a series that docs/monitoring.md explains', (name) => {
  const monitoring = readFileSync(`${ROOT}docs/monitoring.md`, 'utf8');
  const own = name.replace('registry_usage_', '');
  expect(own.startsWith('process_') || new RegExp(`\`${own}[\`{]`).test(monitoring)).toBe(true);
  expect(own.startsWith('process_') || SOURCE.includes(`'${own}'`) || SOURCE.includes(`\${PREFIX}${own}\``)).toBe(true);
});

test('there is something to look at', () => {
  expect([SENTENCES.length, SERIES.length].every((count) => count > 4)).toBe(true);
});
