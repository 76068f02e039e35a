import { expect, test } from 'vitest';
import { type Resumable, ranges, runToEnd } from '../../src/lib/resumable.ts';
import { createYielder, runYielding, yieldToEventLoop } from '../../src/lib/yielding.ts';

/** Returns how many turns the event loop took while the promise was pending. */
async function turnsDuring(promise: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isPending = true;
  const count = (): void => {
    if (!isPending) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  await promise;
  isPending = false;
  return turns;
}

function* sumOf(numbers: readonly number[]): Resumable<number> {
  let sum = 0;
  for (const number of numbers) {
    sum += number;
    yield;
  }
  return sum;
}

test('yieldToEventLoop lets pending callbacks run first', async () => {
  let hasRun = false;
  setImmediate(() => {
    hasRun = true;
  });
  await yieldToEventLoop();
  expect(hasRun).toBe(true);
});

test('a yielder yields after the given number of steps', async () => {
  const yieldNow = createYielder(3);
  const yields = Array.from({ length: 7 }, () => yieldNow() !== undefined);
  expect(yields).toEqual([false, false, true, false, false, true, false]);
});

test('runYielding returns what runToEnd returns, and lets the event loop run between the steps', async () => {
  const numbers = [1, 2, 3, 4];
  expect(runToEnd(sumOf(numbers))).toBe(10);
  const result = runYielding(sumOf(numbers));
  expect(await turnsDuring(result)).toBeGreaterThanOrEqual(numbers.length - 1);
  expect(await result).toBe(10);
});

test('runYielding rejects when a step throws', async () => {
  // biome-ignore lint/correctness/useYield: it fails before its first step ends.
  function* failing(): Resumable<number> {
    throw new Error('failed');
  }
  await expect(runYielding(failing())).rejects.toThrow('failed');
});

test('ranges covers every position once, in pieces of the given length', () => {
  expect([...ranges(0, 3)]).toEqual([]);
  expect([...ranges(7, 3)]).toEqual([
    { from: 0, to: 3 },
    { from: 3, to: 6 },
    { from: 6, to: 7 },
  ]);
});
