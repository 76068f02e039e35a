import { expect, test } from 'vitest';
import { startSharedTask } from '../../src/lib/shared-task.ts';

function startedTask() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let signal = new AbortController().signal;
  const task = startSharedTask((own) => {
    signal = own;
    return promise;
  });
  return { task, resolve, reject, signal };
}

test('gives its result to every caller', async () => {
  const { task, resolve } = startedTask();
  const { signal } = new AbortController();
  const all = [task.join(signal), task.join(signal)];
  resolve('done');
  expect(await Promise.all(all)).toEqual(['done', 'done']);
  await task.ended;
});

test('goes on until the last caller has gone', async () => {
  const { task, resolve, signal } = startedTask();
  const [one, other] = [new AbortController(), new AbortController()];
  const [first, second] = [task.join(one.signal), task.join(other.signal)];
  one.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  expect(signal.aborted).toBe(false);
  other.abort(new Error('also gone'));
  await expect(second).rejects.toThrow('also gone');
  expect(signal.reason).toEqual(new Error('also gone'));
  resolve('too late');
  await task.ended;
});

test('rejects every caller with its error, and a caller that has gone before it joins', async () => {
  const { task, reject } = startedTask();
  const waiting = task.join(new AbortController().signal);
  reject(new Error('failed'));
  await expect(waiting).rejects.toThrow('failed');
  await task.ended;
  await expect(startedTask().task.join(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
});
