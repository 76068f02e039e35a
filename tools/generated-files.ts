import { readFileSync } from 'node:fs';
import { configurationOverview, configurationPage } from './configuration-reference.ts';
import { openApiDocument } from './openapi/document.ts';

const OPERATIONS_PAGE = 'docs/operations.md';
const [START, END] = ['<!-- keys: ', '<!-- end of the keys -->'];

/** Returns every generated file of this checkout, by its path. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['openapi.json', `${JSON.stringify(openApiDocument(), null, 2)}\n`],
    ['docs/configuration.md', configurationPage()],
    [OPERATIONS_PAGE, withOverview(readFileSync(new URL(`../${OPERATIONS_PAGE}`, import.meta.url), 'utf8'))],
  ]);
}

/** Replaces the table of all keys, between two comments of the page. Throws if the page lacks one of them. */
function withOverview(page: string): string {
  const start = page.indexOf('\n', page.indexOf(START));
  const end = page.indexOf(END);
  if (!page.includes(START) || end < start) throw new Error(`${OPERATIONS_PAGE}: no place for the table of keys`);
  return `${page.slice(0, start)}\n\n${configurationOverview()}\n\n${page.slice(end)}`;
}
