import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../../src/lib/abort-listeners.ts';

test('calls every listener once when the signal is aborted, except those that were removed', () => {
  const controller = new AbortController();
  const heard: string[] = [];
  const removers = ['first', 'second', 'third'].map((name) => onAbort(controller.signal, () => heard.push(name)));
  removers[1]?.();
  removers[1]?.();
  controller.abort();
  controller.abort();
  expect(heard).toEqual(['first', 'third']);
});

test('attaches one native listener for all, and none when the last one was removed', () => {
  const { signal } = new AbortController();
  const removers = Array.from({ length: 100 }, () => onAbort(signal, () => undefined));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const remove of removers) remove();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('calls a listener that was added after all others were removed', () => {
  const controller = new AbortController();
  const heard: string[] = [];
  onAbort(controller.signal, () => heard.push('earlier'))();
  const remove = onAbort(controller.signal, () => {
    heard.push('later');
    remove();
  });
  controller.abort();
  expect(heard).toEqual(['later']);
});
