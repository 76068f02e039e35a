import { expect, test } from 'vitest';
import { createSerialQueue } from '../../src/lib/serial-queue.ts';

test('runs one task at a time, in the order of the calls', async () => {
  const queue = createSerialQueue();
  const events: string[] = [];
  const task = (name: string, turns: number) => async () => {
    events.push(`${name} starts`);
    for (let i = 0; i < turns; i++) await new Promise(setImmediate);
    events.push(`${name} ends`);
    return name;
  };
  expect(await Promise.all([queue(task('slow', 5)), queue(task('fast', 0))])).toEqual(['slow', 'fast']);
  expect(events).toEqual(['slow starts', 'slow ends', 'fast starts', 'fast ends']);
});

test('goes on after a task that fails', async () => {
  const queue = createSerialQueue();
  const failing = queue(async () => Promise.reject(new Error('failed')));
  const next = queue(async () => 'next');
  await expect(failing).rejects.toThrow('failed');
  expect(await next).toBe('next');
});
