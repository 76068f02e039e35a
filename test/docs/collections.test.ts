import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RESOURCES } from '../../src/api/collections/resources.ts';
import { openApiDocument } from '../../tools/openapi/document.ts';
import { documented } from '../support/described-operations.ts';
import { createDescribedServer } from '../support/described-server.ts';

const page = readFileSync('docs/collections.md', 'utf8');
const paths = RESOURCES.filter(({ kind }) => kind === 'collection').map(({ path }) => path);
/** The paths of the collections, with names of the example registry. */
const urls = new Map(documented(openApiDocument()).map(({ path, url }) => [path, url]));

let server: FastifyInstance;

beforeAll(() => {
  server = createDescribedServer('collected');
});

afterAll(() => server.close());

/** Returns the names in the last column of the tables whose first column is `collection`, by the path of the collection. */
function rowsOf(lastColumn: string): ReadonlyMap<string, readonly string[]> {
  const table = page
    .split('\n\n')
    .find((part) => part.startsWith('| collection |') && part.includes(`| ${lastColumn} |\n`));
  const rows = table?.trim().split('\n').slice(2) ?? [];
  const quoted = (cell: string) => [...cell.matchAll(/`([^`]*)`/g)].map(([, name = '']) => name);
  return new Map(
    rows.flatMap((row) => {
      const cells = row.split('|').slice(1, -1);
      return quoted(cells[0] ?? '').map((path) => [path, quoted(cells.at(-1) ?? '')] as const);
    }),
  );
}

async function ask(path: string, query: string, accept: string) {
  const headers = { authorization: 'Bearer good', accept };
  const { statusCode, body } = await server.inject({ url: `/usage${urls.get(path)}?${query}`, headers });
  return { status: statusCode, body };
}

test('docs/collections.md lists the fields to sort by of every collection, in order', async () => {
  const rows = rowsOf('`order_by`');
  expect([...rows.keys()].sort()).toEqual(paths.toSorted());
  for (const [path, names] of rows) {
    const { status, body } = await ask(path, 'order_by=none', 'application/hal+json');
    expect([status, JSON.parse(body).detail], path).toEqual([400, expect.stringMatching(` ${names.join(', ')}$`)]);
  }
});

test('docs/collections.md lists the columns of every collection, in order', async () => {
  const rows = rowsOf('columns');
  expect([...rows.keys()].sort()).toEqual(paths.toSorted());
  for (const [path, names] of rows) {
    const { status, body } = await ask(path, 'per_page=1', 'text/csv');
    expect([status, body.split('\r\n')[0]], path).toEqual([200, names.join(',')]);
  }
});

test('docs/collections.md lists the searched fields of every collection', () => {
  expect([...rowsOf('what `search` looks at').keys()].sort()).toEqual(paths.toSorted());
});
