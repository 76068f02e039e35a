import { expect, test } from 'vitest';
import { createFairQueue } from '../../src/lib/fair-queue.ts';

/** A queue, and the callers that it admitted, in order. */
function queueOf(concurrency: number, queueLength: number) {
  const queue = createFairQueue({ concurrency, queueLength });
  const admitted: string[] = [];
  const enter = async (key: string): Promise<boolean> => {
    const isAdmitted = await queue.enter(key);
    if (isAdmitted) admitted.push(key);
    return isAdmitted;
  };
  const leave = async (key: string): Promise<void> => {
    queue.leave(key);
    await Promise.resolve();
  };
  return { enter, leave, admitted };
}

test('runs as many callers as allowed, queues some, and gives one key at most half of the places', async () => {
  const { enter, leave, admitted } = queueOf(2, 4);
  const mine = Array.from({ length: 3 }, () => enter('mine'));
  expect(await enter('mine')).toBe(false);
  const others = ['a', 'b', 'c'].map(enter);
  expect(await enter('d')).toBe(false);
  await Promise.all(mine.slice(0, 2));
  expect(admitted).toEqual(['mine', 'mine']);
  for (const key of ['mine', 'mine', 'mine', 'a', 'b', 'c']) await leave(key);
  expect(await Promise.all([...mine, ...others])).toEqual(Array(6).fill(true));
  expect(admitted).toEqual(['mine', 'mine', 'mine', 'a', 'b', 'c']);
  expect(await enter('d')).toBe(true);
});

test('lets keys take turns, and takes a place from the longest queue when all are taken', async () => {
  const { enter, leave, admitted } = queueOf(1, 6);
  const [a, b] = ['a', 'b'].map((key) => Array.from({ length: 4 }, () => enter(key)));
  const c = enter('c'); // takes the last place of b
  expect(await b?.[3]).toBe(false);
  const d = enter('d'); // takes the last place of a
  expect(await a?.[3]).toBe(false);
  expect(await enter('b')).toBe(false); // no queue is longer than that of b would become
  for (const key of ['a', 'a', 'b', 'c', 'd', 'a', 'b']) await leave(key);
  expect(await Promise.all([c, d])).toEqual([true, true]);
  expect(admitted).toEqual(['a', 'a', 'b', 'c', 'd', 'a', 'b']);
  expect(await enter('e')).toBe(true);
});

test('runs no more callers of one key than allowed, and others before them', async () => {
  const queue = createFairQueue({ concurrency: 3, queueLength: 6, concurrencyPerKey: 1 });
  const admitted: string[] = [];
  const enter = async (key: string, name: string): Promise<void> => {
    if (await queue.enter(key)) admitted.push(name);
  };
  const all = [enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3'), enter('b', 'b1'), enter('b', 'b2')];
  await new Promise(setImmediate);
  expect(admitted).toEqual(['a1', 'b1']);
  for (const key of ['a', 'b', 'a']) {
    queue.leave(key);
    await new Promise(setImmediate);
  }
  await Promise.all(all);
  expect(admitted).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
});

test('a caller that is aborted while it waits leaves its place to others', async () => {
  const queue = createFairQueue({ concurrency: 1, queueLength: 1 });
  const gone = new AbortController();
  expect(await queue.enter('a')).toBe(true);
  const waiting = queue.enter('b', gone.signal);
  expect(await queue.enter('c')).toBe(false);
  gone.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  const next = queue.enter('c');
  queue.leave('a');
  expect(await next).toBe(true);
  await expect(queue.enter('d', gone.signal)).rejects.toThrow('gone');
});
