import { expect, test } from 'vitest';
import { createPrioritySemaphore, type Gate } from '../../src/lib/priority-semaphore.ts';

const usual = { signal: new AbortController().signal, isVital: false };
const vital = { ...usual, isVital: true };

/** A gate with a fixed number of slots. */
function gate(slots: number): Gate {
  return { waitMs: (inUse) => (inUse < slots ? 0 : Number.POSITIVE_INFINITY), enter: () => undefined };
}

test('gives slots in order, and vital requests go first', async () => {
  const semaphore = createPrioritySemaphore(gate(1));
  const order: string[] = [];
  const acquire = (name: string, request: typeof usual) => semaphore.acquire(request).then(() => order.push(name));
  const acquired = [
    acquire('a', usual),
    acquire('b', usual),
    acquire('c', usual),
    acquire('token', vital),
    acquire('probe', vital),
  ];
  for (const _ of acquired) {
    await new Promise(setImmediate);
    expect(semaphore.inUse()).toBe(1);
    semaphore.release();
  }
  await Promise.all(acquired);
  expect(order).toEqual(['a', 'token', 'probe', 'b', 'c']);
  expect(semaphore.inUse()).toBe(0);
});

test('ends a wait when its signal is aborted, and gives the slot to the next caller', async () => {
  const semaphore = createPrioritySemaphore(gate(1));
  const controller = new AbortController();
  await semaphore.acquire(usual);
  const aborted = semaphore.acquire({ ...usual, signal: controller.signal });
  const next = semaphore.acquire(usual);
  controller.abort(new Error('no longer wanted'));
  await expect(aborted).rejects.toThrow('no longer wanted');
  semaphore.release();
  await next;
  await expect(semaphore.acquire({ ...usual, signal: controller.signal })).rejects.toThrow('no longer wanted');
});

test('asks the gate again after the time that the gate named', async () => {
  let waitMs = 5;
  const semaphore = createPrioritySemaphore({ waitMs: () => waitMs, enter: () => undefined });
  const acquired = [semaphore.acquire(usual), semaphore.acquire(usual)];
  waitMs = 0;
  await Promise.all(acquired);
  expect(semaphore.inUse()).toBe(2);
});
