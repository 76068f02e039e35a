import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { get, talk } from '../support/raw-http.ts';
import { digestOf } from '../support/sample-registry-content.ts';
import { type ListeningServer, startTestServer } from '../support/server.ts';

const page = readFileSync('docs/collections.md', 'utf8');
let front: ListeningServer;

beforeAll(async () => {
  front = await startTestServer();
});

afterAll(() => front.close());

/** The rows of the table whose first column is headed `collection` and whose last is headed so: the paths of each, and what stands in the last column. */
function rowsOf(last: string): readonly (readonly [path: string, names: readonly string[]])[] {
  const table = page.split('\n\n').find((part) => part.startsWith('| collection |') && part.includes(`| ${last} |\n`));
  const rows = table?.trim().split('\n').slice(2) ?? [];
  const quoted = (cell: string) => [...cell.matchAll(/`([^`]*)`/g)].map(([, name = '']) => name);
  return rows.flatMap((row) => {
    const cells = row.split('|').slice(1, -1);
    return quoted(cells[0] ?? '').map((path) => [path, quoted(cells.at(-1) ?? '')] as const);
  });
}

const VALUES: Readonly<Record<string, string>> = {
  repository: 'group%2Fapp',
  tag: '0',
  path: 'group',
  digest: encodeURIComponent(digestOf('a layer')),
};

const fill = (path: string) => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => VALUES[name] ?? '');

test('every collection has the orders that docs/collections.md names, in that order', async () => {
  const rows = rowsOf('`order_by`');
  expect(rows).toHaveLength(9);
  for (const [path, names] of rows) {
    const { status, body } = await talk(front.port, get(`${fill(path)}?order_by=none`));
    expect([status, JSON.parse(body).detail], path).toEqual([400, `order_by is none of ${names.join(', ')}`]);
  }
});

test('every collection has the columns that docs/collections.md names, in that order', async () => {
  const rows = rowsOf('columns');
  expect(rows).toHaveLength(9);
  for (const [path, names] of rows) {
    const { status, text } = await talk(front.port, get(`${fill(path)}?per_page=1`, { Accept: 'text/csv' }));
    expect([status, text.split('\r\n').find((line) => line.includes(`,${names[1]}`))], path).toEqual([
      200,
      names.join(','),
    ]);
  }
});
