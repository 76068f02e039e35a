import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { crawlOf, image } from '../support/sample-registry-content.ts';
import { emptySnapshot } from '../support/sample-snapshot.ts';
import { createTestServer, PASSWORD, PREFIX } from '../support/server.ts';

/* Reads responses exactly as the front end of the original service does, which must keep working. It sends two requests, each after a CORS preflight. */

interface Row {
  readonly name: string;
  readonly size: number | null;
  readonly diskSize: number | null;
  readonly tags: readonly { readonly name: string; readonly size: number | null; readonly diskSize: number | null }[];
}

interface Embedded<T> {
  readonly items: readonly T[];
}

interface Sizes {
  readonly name: string;
  readonly size: number | null;
  readonly disk_size: number | null;
}

interface Repository extends Sizes {
  readonly _embedded: { readonly related: { readonly _embedded: Embedded<Sizes> } };
}

async function readAsFrontEnd(
  snapshot: Snapshot | undefined,
): Promise<{ timestamp: number | null; rows: readonly Row[] }> {
  const { server } = createTestServer({ snapshots: { latest: () => snapshot } });
  // Its client library sends the text "undefined" as the value of Accept.
  const send = async (path: string, authorization: string) => {
    const origin = 'https://page.example';
    const preflight = await server.inject({
      method: 'OPTIONS',
      url: PREFIX + path,
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
    });
    expect([preflight.statusCode, preflight.headers['access-control-allow-origin']]).toEqual([200, origin]);
    const answer = await server.inject({ url: PREFIX + path, headers: { origin, accept: 'undefined', authorization } });
    expect(answer.statusCode).toBe(200);
    return answer.json();
  };
  const password = Buffer.from(`alice:${PASSWORD}`).toString('base64');
  const { auth_token } = await send('/auth_token', `Basic ${password}`);
  const { timestamp, _embedded } = await send('/repositories?embed=true', `Bearer ${auth_token}`);
  await server.close();
  const rows = (_embedded as Embedded<Repository>).items.map(({ name, size, disk_size, _embedded: { related } }) => ({
    name,
    size,
    diskSize: disk_size,
    tags: related._embedded.items.map((tag) => ({ name: tag.name, size: tag.size, diskSize: tag.disk_size })),
  }));
  return { timestamp, rows };
}

test('shows an empty list before the first snapshot', async () => {
  expect(await readAsFrontEnd(undefined)).toEqual({ timestamp: null, rows: [] });
});

test('shows an empty list if the registry is empty', async () => {
  expect(await readAsFrontEnd(emptySnapshot(5000))).toEqual({ timestamp: 5, rows: [] });
});

test('shows every repository and every tag with its sizes', async () => {
  const { timestamp, rows } = await readAsFrontEnd(crawlOf([image('a'), image('b')], 7000).snapshot);
  expect(timestamp).toBe(7);
  const tag = (name: string) => ({ name, size: 100, diskSize: 100 });
  expect(rows).toMatchObject([{ name: 'group/app', size: 2, tags: [tag('0'), tag('1')] }]);
});
