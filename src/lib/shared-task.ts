import { onAbort } from './abort-listeners.ts';

/** A task that runs for several callers. */
export interface SharedTask<T> {
  /** Waits for the result. Rejects with the signal's reason if it is aborted first; when the last caller has gone, so is the task. */
  join(signal: AbortSignal): Promise<T>;
  /** Whether the last caller has gone, so that the task ends without a result. */
  isAbandoned(): boolean;
  /** Resolves when the task has ended, with or without a result. */
  readonly ended: Promise<void>;
}

/** Starts a task. It is aborted with the reason of the last caller, so at least one caller must join at once. */
export function startSharedTask<T>(task: (signal: AbortSignal) => Promise<T>): SharedTask<T> {
  const controller = new AbortController();
  const result = task(controller.signal);
  let callersCount = 0;
  return {
    join(signal) {
      callersCount++;
      return new Promise<T>((resolve, reject) => {
        const leave = (): void => {
          callersCount--;
          if (callersCount === 0) controller.abort(signal.reason);
          reject(signal.reason);
        };
        if (signal.aborted) {
          leave();
          return;
        }
        const stopListening = onAbort(signal, leave);
        result.finally(stopListening).then(resolve, reject);
      });
    },
    isAbandoned: () => controller.signal.aborted,
    ended: result.then(
      () => undefined,
      () => undefined,
    ),
  };
}
