import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { CrawlStatus } from '../../src/ports.ts';
import { emptySnapshot } from '../support/sample-snapshot.ts';
import { createTestServer, NOW, schedulerIn, WAITING } from '../support/server.ts';

const RUNNING: CrawlStatus = {
  ...WAITING,
  running: {
    startedAt: NOW - 5000,
    requestsCount: 3,
    progress: { repositoriesFound: 1, repositoriesRead: 0, repositoriesKept: 0, tagsFound: 0, tagsRead: 0 },
  },
  nextAt: undefined,
};

async function ready(state: CrawlStatus, snapshot?: Snapshot) {
  const { server } = createTestServer({ scheduler: schedulerIn(state), snapshots: { latest: () => snapshot } });
  const [get, head] = await Promise.all(
    (['GET', 'HEAD'] as const).map((method) => server.inject({ url: '/usage/health/ready', method })),
  );
  expect([head?.statusCode, head?.body]).toEqual([get?.statusCode, '']);
  expect(get?.headers['cache-control']).toBe('no-store');
  return { status: get?.statusCode, headers: get?.headers ?? {}, body: get?.json() };
}

test('is not ready before the first crawl has finished, and tells since when it has been running', async () => {
  const { status, headers, body } = await ready(RUNNING);
  expect([status, headers['content-type'], headers['retry-after']]).toEqual([503, 'application/problem+json', '10']);
  expect(body).toMatchObject({
    status: 503,
    detail: expect.stringContaining('2026-11-25T11:59:55.000Z'),
    checks: {
      snapshot: { status: 'fail' },
      collection: { status: 'pass', running_since: '2026-11-25T11:59:55.000Z', last_failure: null, next_at: null },
      store: { status: 'pass' },
    },
  });
});

test('tells why the first crawl has failed, and when the next one starts', async () => {
  const failure = { at: NOW - 1000, kind: 'unavailable', reason: 'no response: connection refused' } as const;
  const { headers, body } = await ready({ ...WAITING, failure, nextAt: NOW + 29_200 });
  expect(headers['retry-after']).toBe('30');
  for (const fact of ['2026-11-25T11:59:59.000Z', failure.reason, '2026-11-25T12:00:29.200Z'])
    expect(body.detail).toContain(fact);
  expect(body.checks.collection).toEqual({
    status: 'fail',
    running_since: null,
    last_failure: { at: '2026-11-25T11:59:59.000Z', kind: 'unavailable', reason: 'no response: connection refused' },
    next_at: '2026-11-25T12:00:29.200Z',
  });
});

test('tells a failure of the store from a failure of the registry', async () => {
  const failure = { at: NOW, kind: 'store', reason: 'the file is damaged' } as const;
  expect((await ready({ ...WAITING, failure })).body.checks.store).toEqual({ status: 'fail' });
});

test('is ready with a snapshot of any age, and shows failures as warnings', async () => {
  const failure = { at: NOW, kind: 'store', reason: 'the disk is full' } as const;
  const { status, body } = await ready({ ...WAITING, failure }, emptySnapshot(NOW - 3_600_000));
  expect(status).toBe(200);
  expect(body).toEqual({
    status: 'ready',
    checks: {
      snapshot: { status: 'pass', taken_at: '2026-11-25T11:00:00.000Z', age_seconds: 3600 },
      collection: {
        status: 'warn',
        running_since: null,
        last_failure: { at: '2026-11-25T12:00:00.000Z', kind: 'store', reason: 'the disk is full' },
        next_at: '2026-11-25T12:01:00.000Z',
      },
      store: { status: 'warn' },
    },
  });
  expect((await ready(WAITING, emptySnapshot(NOW))).body.checks.collection.status).toBe('pass');
});

test('is live before the first crawl', async () => {
  const { statusCode, headers, body } = await createTestServer().server.inject({ url: '/usage/health/live' });
  expect([statusCode, headers['cache-control'], body]).toEqual([200, 'no-store', '{"status":"live"}']);
});
