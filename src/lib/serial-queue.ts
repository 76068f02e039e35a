import { setImmediate } from 'node:timers/promises';

/** To be awaited after every step of a long work: lets everyone else have their turn after so many of them, since the database waits for nobody. */
export type Turns = () => Promise<void> | undefined;

export function createTurns(stepsAtOnce: number): Turns {
  let steps = 0;
  return () => {
    if (++steps % stepsAtOnce !== 0) return undefined;
    return setImmediate();
  };
}

/** Runs one task after another, in the order of the calls: each as a whole, however often it lets others have their turn. */
export function createOrder(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}
