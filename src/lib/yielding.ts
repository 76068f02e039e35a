import { setImmediate } from 'node:timers/promises';
import type { Resumable } from './resumable.ts';

/** Lets the event loop run once: requests that wait for this process are handled before the promise resolves. */
export function yieldToEventLoop(): Promise<void> {
  return setImmediate();
}

/** To be awaited after every step of a long computation: yields to the event loop after every `stepsBetweenYields` steps, else returns undefined. */
export type Yielder = () => Promise<void> | undefined;

export function createYielder(stepsBetweenYields: number): Yielder {
  let steps = 0;
  return () => (++steps % stepsBetweenYields === 0 ? setImmediate() : undefined);
}

/** Runs all steps, yields to the event loop between them, and returns the result. */
export async function runYielding<T>(steps: Resumable<T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await setImmediate();
  }
}
