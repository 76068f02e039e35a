import { expect, test } from 'vitest';
import { EmptyRegistryError } from '../../src/crawl/empty-guard.ts';
import { createScheduler } from '../../src/crawl/scheduler.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { NOTHING_CRAWLED } from '../support/sample-crawl-stats.ts';
import { emptySnapshot, sampleRepository, sampleTag } from '../support/sample-snapshot.ts';

const MINUTE = 60_000;

/** A snapshot with that many tags. */
function snapshot(finishedAt: number, tagsCount: number): Snapshot {
  const tags = Array.from({ length: tagsCount }, (_, i) => sampleTag(`v${i}`, 1, 1));
  return { ...emptySnapshot(finishedAt), repositories: [sampleRepository('a', 1, 1, tags)] };
}

/** Runs one crawl per step of the script, on a clock that only the crawls and the pauses move. */
async function runScript(
  script: ((now: number) => {
    readonly takes: number;
    readonly result: Snapshot | Error;
    readonly setsClockBy?: number;
  })[],
  intervalMinutes = 60,
) {
  let now = 1000;
  let shown = 0;
  const retriesAt: number[] = [];
  const startedAt: number[] = [];
  const errors: unknown[] = [];
  const taken: Snapshot[] = [];
  let ended = (): void => undefined;
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const scheduler = createScheduler({
    intervalMs: intervalMinutes * MINUTE,
    clock: () => now + shown,
    steadyClock: () => now,
    sleepUntil: async (until, signal) => {
      now = until;
      if (startedAt.length < script.length) return;
      ended();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
    requestsCount: () => 7 * startedAt.length,
    recrawlQueueLength: () => 0,
    isPullThroughCache: () => false,
    takeSnapshot: async (progress) => {
      startedAt.push(now);
      progress.repositoriesRead += 2;
      progress.tagsRead += 30;
      const step = script[startedAt.length - 1]?.(now);
      if (step === undefined) throw new Error('the script is over');
      now += step.takes;
      shown += step.setsClockBy ?? 0;
      if (step.result instanceof Error) throw step.result;
      return step.result;
    },
    report: {
      started: () => undefined,
      finished: (fresh) => void taken.push(fresh),
      failed(error, retryAt) {
        errors.push(error);
        retriesAt.push((retryAt - 1000) / MINUTE);
      },
    },
  });
  scheduler.start();
  await end;
  await scheduler.stop();
  const minutes = startedAt.map((at) => (at - 1000) / MINUTE);
  return { latest: taken.at(-1), startedAt: minutes, errors, retriesAt, stats: scheduler.stats() };
}

test('starts crawls on whole intervals, however long each takes, and one at a time', async () => {
  const takes = (minutes: number) => () => ({ takes: minutes * MINUTE, result: snapshot(minutes, 1) });
  const { startedAt, latest } = await runScript([takes(10), takes(59), takes(130), takes(1)]);
  expect(startedAt).toEqual([0, 60, 120, 300]);
  expect(latest?.finishedAt).toBe(1);
});

test('retries after a failure, and then returns to the schedule', async () => {
  const good = () => ({ takes: 0, result: snapshot(7, 1) });
  const bad = () => ({ takes: 0, result: new Error('registry down') });
  const { startedAt, latest, errors } = await runScript([good, bad, bad, good, bad]);
  expect(startedAt).toEqual([0, 60, 60.5, 61.5, 120]);
  expect(latest?.finishedAt).toBe(7);
  expect(errors).toHaveLength(3);
});

test('keeps the schedule when the clock is set, and shows times of that clock', async () => {
  const DAY = 24 * 60 * MINUTE;
  const { startedAt, retriesAt } = await runScript([
    () => ({ takes: MINUTE, result: snapshot(1, 1), setsClockBy: -DAY }),
    () => ({ takes: 0, result: new Error('registry down') }),
    () => ({ takes: MINUTE, result: snapshot(1, 1), setsClockBy: 2 * DAY }),
    () => ({ takes: 0, result: new Error('registry down') }),
  ]);
  expect(startedAt).toEqual([0, 60, 60.5, 120]);
  expect(retriesAt).toEqual([60.5 - 24 * 60, 120.5 + 24 * 60]);
});

test('never retries before the back-off has passed, even if an interval is shorter', async () => {
  const takes = (minutes: number, result: Snapshot | Error) => () => ({ takes: minutes * MINUTE, result });
  const [good, bad] = [snapshot(1, 1), new Error('registry down')];
  const hourly = await runScript([takes(59.75, bad), takes(0, good), takes(0, good)]);
  expect(hourly.startedAt).toEqual([0, 60.25, 120]);
  const often = await runScript([takes(0, bad), takes(0, bad), takes(0, bad), takes(0, good), takes(0, good)], 0.1);
  expect(often.startedAt).toEqual([0, 0.5, 1, 1.5, 1.6]);
});

test('doubles the delay between retries up to the interval', async () => {
  const bad = () => ({ takes: 0, result: new Error('registry down') });
  const { startedAt } = await runScript(Array.from({ length: 10 }, () => bad));
  expect(startedAt.map((at, i) => at - (startedAt[i - 1] ?? 0))).toEqual([0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]);
});

test('adds up the numbers of all crawls, and counts failures by kind', async () => {
  const takes = (minutes: number, result: Snapshot | Error) => () => ({ takes: minutes * MINUTE, result });
  const { stats } = await runScript([
    takes(3, snapshot(1, 1)),
    takes(0, Object.assign(new Error('no answer'), { kind: 'unavailable' })),
    takes(0, Object.assign(new Error('damaged'), { kind: 'store' })),
    takes(1, new EmptyRegistryError(1, 1, 1000)),
    takes(5, snapshot(1, 1)),
    takes(2, new Error('a bug')),
  ]);
  expect(stats).toEqual({
    ...NOTHING_CRAWLED,
    requestsCount: 42,
    succeededCount: 2,
    failedCounts: { ...NOTHING_CRAWLED.failedCounts, unavailable: 1, store: 1, emptied: 1, unexpected: 1 },
    repositoriesRead: 12,
    tagsRead: 180,
    lastStartedAt: 1000 + 120 * MINUTE,
    lastDurationMs: 5 * MINUTE,
  });
});

test('stop aborts the current crawl', async () => {
  let aborted = false;
  const scheduler = createScheduler({
    intervalMs: MINUTE,
    clock: () => 0,
    steadyClock: () => 0,
    sleepUntil: async () => undefined,
    requestsCount: () => 0,
    recrawlQueueLength: () => 0,
    isPullThroughCache: () => false,
    takeSnapshot: (_, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      }),
    report: { started: () => undefined, finished: () => undefined, failed: () => undefined },
  });
  scheduler.start();
  await scheduler.stop();
  expect(aborted).toBe(true);
});

test('starts a crawl on request, unless one is running or has just started', async () => {
  let now = 0;
  let finish = (): void => undefined;
  const scheduler = createScheduler({
    intervalMs: 60 * MINUTE,
    clock: () => now,
    steadyClock: () => now,
    sleepUntil: (_, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve());
      }),
    heldUp: () => ({ since: 1, until: 2 }),
    requestsCount: () => 0,
    recrawlQueueLength: () => 0,
    isPullThroughCache: () => false,
    takeSnapshot: () =>
      new Promise((resolve) => {
        finish = () => resolve(snapshot(now, 1));
      }),
    report: { started: () => undefined, finished: () => undefined, failed: () => undefined },
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  scheduler.start();
  expect(scheduler.request()).toBe('running');
  now = 4000;
  finish();
  await settled();
  expect(scheduler.request()).toEqual({ retryAfterMs: 6000 });
  now = 10_000;
  expect(scheduler.request()).toBe('started');
  await settled();
  expect(scheduler.status().running).toMatchObject({ startedAt: 10_000, heldUp: { since: 1, until: 2 } });
  finish();
  await scheduler.stop();
});
