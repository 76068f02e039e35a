/** Runs a task after all tasks that were queued before it, however those ended, and settles as the task does. */
export type SerialQueue = <T>(task: () => Promise<T>) => Promise<T>;

/** Creates a queue that runs one task at a time, in the order of the calls. A task that waits, or yields, does not let others in. */
export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}
