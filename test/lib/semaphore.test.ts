import { expect, test } from 'vitest';
import { createSemaphore } from '../../src/lib/semaphore.ts';

test('runs at most `limit` tasks at once, in the order of the calls', async () => {
  const semaphore = createSemaphore(2);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const results = Array.from({ length: 6 }, (_, i) =>
    semaphore(async () => {
      started.push(i);
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      return i;
    }),
  );
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test('frees the slot of a task that fails', async () => {
  const semaphore = createSemaphore(1);
  const failing = semaphore(async () => Promise.reject(new Error('failed')));
  const next = semaphore(async () => 'next');
  await expect(failing).rejects.toThrow('failed');
  expect(await next).toBe('next');
  expect(await semaphore(async () => 'later')).toBe('later');
});
