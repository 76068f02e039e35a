/** Runs a task when one of a fixed number of slots is free, and settles as the task does. Tasks start in the order of the calls. */
export type Semaphore = <T>(task: () => Promise<T>) => Promise<T>;

/** Creates a semaphore under which at most `limit` tasks run at once. The queue of waiting tasks has no limit. */
export function createSemaphore(limit: number): Semaphore {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
