import { expect, test } from 'vitest';
import type { Resumable } from '../../src/lib/resumable.ts';
import { createTimeSlices } from '../../src/lib/time-slices.ts';

const NEVER = new AbortController().signal;

/** Slices of 5 ms on a clock that each step moves by one millisecond. The test starts each turn of the event loop. */
function slicesOnOwnClock() {
  let now = 0;
  let pending: (() => void)[] = [];
  const done: string[] = [];
  const slices = createTimeSlices({
    steadyClock: () => now,
    sliceMs: 5,
    inNextTurn: (callback) => void pending.push(callback),
  });
  /** Runs one turn, and returns the names of the steps that ran in it. */
  const turn = (): string => {
    const callbacks = pending;
    pending = [];
    const before = done.length;
    for (const callback of callbacks) callback();
    return done.slice(before).join('');
  };
  function* steps(name: string, count: number): Resumable<string> {
    for (let i = 0; i < count; i++) {
      done.push(name);
      now++;
      yield;
    }
    return name;
  }
  return { slices, turn, steps, done, isIdle: () => pending.length === 0 };
}

test('runs one slice in each turn of the event loop, and returns the result', async () => {
  const { slices, turn, steps, isIdle } = slicesOnOwnClock();
  const result = slices.run(steps('a', 12), { key: 'alice', signal: NEVER });
  expect([turn(), turn(), turn()]).toEqual(['aaaaa', 'aaaaa', 'aa']);
  expect(await result).toBe('a');
  expect(isIdle()).toBe(true);
});

test('several computations share one slice in each turn, and users take turns however many computations each has', () => {
  const { slices, turn, steps } = slicesOnOwnClock();
  for (const name of ['a', 'b', 'c']) void slices.run(steps(name, 10), { key: 'alice', signal: NEVER });
  void slices.run(steps('x', 10), { key: 'bob', signal: NEVER });
  expect([turn(), turn(), turn(), turn(), turn()]).toEqual(['aaaaa', 'xxxxx', 'bbbbb', 'xxxxx', 'ccccc']);
});

test('uses the rest of a slice for the next computation', () => {
  const { slices, turn, steps } = slicesOnOwnClock();
  void slices.run(steps('a', 2), { key: 'alice', signal: NEVER });
  void slices.run(steps('x', 9), { key: 'bob', signal: NEVER });
  expect([turn(), turn(), turn()]).toEqual(['aaxxx', 'xxxxx', 'x']);
});

test('runs no step after the signal is aborted, and frees what the computation holds', async () => {
  const { slices, turn, steps, done } = slicesOnOwnClock();
  const controller = new AbortController();
  let isFreed = false;
  function* holding(): Resumable<string> {
    try {
      return yield* steps('a', 100);
    } finally {
      isFreed = true;
    }
  }
  const result = slices.run(holding(), { key: 'alice', signal: controller.signal });
  turn();
  controller.abort(new Error('gone'));
  turn();
  await expect(result).rejects.toThrow('gone');
  expect([done.length, isFreed]).toEqual([5, true]);
});

test('rejects with the error of a step, and goes on with the others', async () => {
  const { slices, turn, steps } = slicesOnOwnClock();
  // biome-ignore lint/correctness/useYield: it fails before its first step ends.
  function* failing(): Resumable<string> {
    throw new Error('failed');
  }
  const failed = slices.run(failing(), { key: 'alice', signal: NEVER });
  const other = slices.run(steps('x', 3), { key: 'bob', signal: NEVER });
  turn();
  await expect(failed).rejects.toThrow('failed');
  expect(await other).toBe('x');
});
