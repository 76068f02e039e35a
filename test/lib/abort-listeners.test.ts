import { expect, test } from 'vitest';
import { onAbort } from '../../src/lib/abort-listeners.ts';

test('all who listen to a signal hear it once, but for those who have ended that', () => {
  const ended = new AbortController();
  const heard: string[] = [];
  const forget = ['first', 'second', 'third'].map((name) => onAbort(ended.signal, () => heard.push(name)));
  forget[1]?.();
  forget[1]?.();
  ended.abort();
  ended.abort();
  expect(heard).toEqual(['first', 'third']);
});

test('who listens again after everybody had gone hears it, too', () => {
  const ended = new AbortController();
  const heard: string[] = [];
  const listen = (name: string) =>
    onAbort(ended.signal, () => {
      heard.push(name);
      forget();
    });
  listen('earlier')();
  const forget = listen('later');
  ended.abort();
  expect(heard).toEqual(['later']);
});
