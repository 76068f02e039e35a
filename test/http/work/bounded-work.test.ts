import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createBoundedWork, type Job, WorkRefused } from '../../../src/http/work/bounded-work.ts';
import type { Resumable } from '../../../src/lib/resumable.ts';

const NEVER = new AbortController().signal;
const jobOf = (key: string, signal = NEVER): Job => ({ key, signal });

/** A clock on which each step takes a millisecond, and the steps that have run. */
function countedSteps() {
  let now = 0;
  const done: string[] = [];
  function* steps(name: string, count: number): Resumable<string> {
    for (let i = 0; i < count; i++) {
      done.push(name);
      now++;
      yield;
    }
    return name;
  }
  return { steadyClock: () => now, steps, done };
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof WorkRefused ? error.problem.status : undefined;

test('runs the work of a user one after another, and that of several users side by side', async () => {
  const { steadyClock, steps, done } = countedSteps();
  const work = createBoundedWork({ steadyClock, concurrency: 4, queueLength: 100 });
  const mine = Array.from({ length: 5 }, (_, i) => work.run(steps(`mine ${i}`, 20), jobOf('mine')));
  const yours = work.run(steps('yours', 20), jobOf('yours'));
  await yours;
  // While the work of the other user took its 20 steps, this user got as many, and one slice more.
  expect(done.filter((name) => name !== 'yours').length).toBeLessThanOrEqual(30);
  await Promise.all(mine);
  expect(done.filter((name) => name !== 'yours')).toEqual(
    Array.from({ length: 5 }, (_, i) => Array(20).fill(`mine ${i}`)).flat(),
  );
});

test('refuses work with 503 and Retry-After when the queue is full, and no user fills it alone', async () => {
  const { steadyClock, steps } = countedSteps();
  const work = createBoundedWork({ steadyClock, concurrency: 2, queueLength: 6 });
  const run = (key: string) => work.run(steps(key, 1), jobOf(key)).catch((error: unknown) => error);
  const mine = await Promise.all([...Array.from({ length: 10 }, () => run('mine')), run('yours')]);
  const refused = mine.filter((result) => result instanceof WorkRefused);
  expect(refused).toHaveLength(6);
  expect(mine.at(-1)).toBe('yours');
  expect(refused[0]?.problem).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
});

test('ends work whose client has gone, running or waiting, and starts what waits behind it', async () => {
  const { steadyClock, steps, done } = countedSteps();
  const work = createBoundedWork({ steadyClock, concurrency: 1, queueLength: 10 });
  const gone = new AbortController();
  const lost = [0, 1, 2].map((i) => work.run(steps(`lost ${i}`, 1000), jobOf('a', gone.signal)));
  const kept = work.run(steps('kept', 3), jobOf('a'));
  const ends = Promise.allSettled(lost);
  await new Promise(setImmediate);
  gone.abort(new Error('gone'));
  expect((await ends).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
  expect(await kept).toBe('kept');
  expect(done.filter((name) => name === 'lost 0').length).toBeLessThan(20);
  expect(done).not.toContain('lost 1');
});

test('refuses work that takes too many steps, and gives its place free', async () => {
  const { steadyClock, steps, done } = countedSteps();
  const work = createBoundedWork({ steadyClock, concurrency: 1, maxSteps: 50 });
  expect(statusOf(await work.run(steps('long', 1000), jobOf('a')).catch((error: unknown) => error))).toBe(400);
  expect(done).toHaveLength(50);
  expect(await work.run(steps('short', 3), jobOf('a'))).toBe('short');
});

test('refuses work that takes too long, also in the queue', async () => {
  const { steadyClock, steps } = countedSteps();
  const work = createBoundedWork({ steadyClock, concurrency: 1, maxMs: 20 });
  const never = work.hold(jobOf('a'), () => sleep(200));
  const waiting = await work.run(steps('waiting', 1), jobOf('b')).catch((error: unknown) => error);
  expect(statusOf(waiting)).toBe(503);
  await never;
});

test('refuses work that runs for too long, and gives its place free', async () => {
  const { steadyClock, steps, done } = countedSteps();
  const work = createBoundedWork({ steadyClock, concurrency: 1, maxMs: 30 });
  expect(statusOf(await work.run(steps('long', 1000), jobOf('a')).catch((error: unknown) => error))).toBe(503);
  expect(done.length).toBeLessThan(40);
  expect(await work.run(steps('short', 3), jobOf('a'))).toBe('short');
});

test('limits the streams of a user, and frees a place when one ends', () => {
  const work = createBoundedWork({ steadyClock: () => 0 });
  const closes = Array.from({ length: 16 }, () => work.openStream('a'));
  expect(() => work.openStream('a')).toThrow(WorkRefused);
  work.openStream('b');
  closes[0]?.();
  work.openStream('a');
});
