/* A semaphore that is fair to its users: at most `concurrency` callers run at once, at most `queueLength` wait, and all others are rejected.
 * There is one queue per user, who is identified by a key:
 *
 *   a: ● ● ● ●     if all places are taken, the longest queue gives up its last caller to a user with fewer
 *   b: ●           the queues take turns, so no user waits behind all callers of another */

export interface FairQueue {
  /**
   * Resolves with true when the caller may run; the caller must then call `leave`. Resolves with false if the caller is rejected. Rejects with the
   * signal's reason if it is aborted while the caller waits: the caller then has no place, and must not call `leave`.
   */
  enter(key: string, signal?: AbortSignal): Promise<boolean>;
  leave(key: string): void;
}

export interface FairQueueOptions {
  readonly concurrency: number;
  readonly queueLength: number;
  /** How many callers of one key run at once; `concurrency` by default. */
  readonly concurrencyPerKey?: number;
}

type Settle = (isAdmitted: boolean) => void;

/** One user never takes more than half of all places, running and waiting. As long as fewer than `queueLength` users wait, each has a place. */
export function createFairQueue({
  concurrency,
  queueLength,
  concurrencyPerKey = concurrency,
}: FairQueueOptions): FairQueue {
  const maxPerKey = Math.ceil((concurrency + queueLength) / 2);
  const queues = createQueues();
  const runningByKey = new Map<string, number>();
  let runningCount = 0;

  const running = (key: string): number => runningByKey.get(key) ?? 0;
  const mayRun = (key: string): boolean => runningCount < concurrency && running(key) < concurrencyPerKey;

  function start(key: string): void {
    runningCount++;
    runningByKey.set(key, running(key) + 1);
  }

  /** Rejects the last caller of the longest queue, if that is longer than the queue of this key is about to become. */
  function freesPlace(key: string): boolean {
    const longest = queues.longest(queues.length(key) + 1);
    if (longest === undefined) return false;
    queues.rejectLast(longest);
    return true;
  }

  function wait(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise<boolean>((resolve, reject) => {
      const settle: Settle = (isAdmitted) => {
        signal?.removeEventListener('abort', abort);
        resolve(isAdmitted);
      };
      const abort = (): void => {
        queues.remove(key, settle);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      queues.add(key, settle);
    });
  }

  return {
    async enter(key, signal) {
      signal?.throwIfAborted();
      if (running(key) + queues.length(key) >= maxPerKey) return false;
      if (mayRun(key)) {
        start(key);
        return true;
      }
      if (queues.count() >= queueLength && !freesPlace(key)) return false;
      return wait(key, signal);
    },
    leave(key) {
      runningCount--;
      if (running(key) === 1) runningByKey.delete(key);
      else runningByKey.set(key, running(key) - 1);
      const next = queues.first(mayRun);
      if (next === undefined) return;
      start(next);
      queues.admit(next);
    },
  };
}

/** The waiting callers by key. The map's order is the order of the turns: the queue at its start is next. */
function createQueues() {
  const queues = new Map<string, Settle[]>();
  let count = 0;

  function take(key: string, end: 'shift' | 'pop'): Settle | undefined {
    const queue = queues.get(key) ?? [];
    const settle = queue[end]();
    if (queue.length === 0) queues.delete(key);
    count--;
    return settle;
  }

  return {
    count: () => count,
    length: (key: string) => queues.get(key)?.length ?? 0,
    add(key: string, settle: Settle): void {
      const queue = queues.get(key);
      if (queue === undefined) queues.set(key, [settle]);
      else queue.push(settle);
      count++;
    },
    remove(key: string, settle: Settle): void {
      const queue = queues.get(key) ?? [];
      const place = queue.indexOf(settle);
      if (place === -1) return;
      queue.splice(place, 1);
      if (queue.length === 0) queues.delete(key);
      count--;
    },
    /** The key of the longest queue with more than `than` callers. */
    longest(than: number): string | undefined {
      let found: string | undefined;
      let most = than;
      for (const [key, { length }] of queues) if (length > most) [found, most] = [key, length];
      return found;
    },
    rejectLast: (key: string) => take(key, 'pop')?.(false),
    /** The key of the first queue whose callers may run. */
    first(mayRun: (key: string) => boolean): string | undefined {
      for (const key of queues.keys()) if (mayRun(key)) return key;
      return undefined;
    },
    admit(key: string): void {
      const settle = take(key, 'shift');
      const queue = queues.get(key);
      queues.delete(key); // and to the end of the map: the other queues go first
      if (queue !== undefined) queues.set(key, queue);
      settle?.(true);
    },
  };
}
