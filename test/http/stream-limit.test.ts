import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptySnapshot, sampleRepository, sampleTag } from '../support/sample-snapshot.ts';
import { createTestServer } from '../support/server.ts';

/* A client reads one response of each snapshot slowly. */

const SNAPSHOTS = 9;
const MOST = 6;
const tags = Array.from({ length: 60_000 }, (_, i) => sampleTag(`tag-${i}`, i, i));
const snapshots = Array.from({ length: SNAPSHOTS }, (_, i) => ({
  ...emptySnapshot(i),
  id: `s${i}`,
  repositories: [sampleRepository('group/app', 1, 1, tags)],
}));
let latest = snapshots[0];
const { server } = createTestServer({ snapshots: { latest: () => latest } });

beforeAll(async () => {
  await server.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(() => server.close());

function ask(): Promise<IncomingMessage> {
  const { port } = server.server.address() as AddressInfo;
  const headers = { authorization: 'Bearer good', accept: 'application/x-ndjson' };
  return new Promise((resolve, reject) => {
    get({ port, path: '/usage/repositories/group%2Fapp/tags', headers, agent: false }, (answer) =>
      resolve(answer.pause()),
    ).once('error', reject);
  });
}

test('slow responses keep only a few snapshots in memory: the oldest are cut off, the others are complete', async () => {
  const answers: IncomingMessage[] = [];
  for (const snapshot of snapshots) {
    latest = snapshot;
    answers.push(await ask(), await ask());
  }
  const lines = await Promise.all(answers.map(countLines));
  expect(lines.map((count) => count === tags.length)).toEqual(
    snapshots.flatMap((_, i) => [i >= SNAPSHOTS - MOST, i >= SNAPSHOTS - MOST]),
  );
});

/** Returns -1 if the response was cut off. */
async function countLines(answer: IncomingMessage): Promise<number> {
  let count = 0;
  try {
    for await (const part of answer.setEncoding('utf8')) count += String(part).split('\n').length - 1;
  } catch {
    return -1;
  }
  return count;
}
