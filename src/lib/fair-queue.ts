/* A semaphore that is fair to its users: at most `concurrency` callers run at once, at most `queueLength` wait, and all others are rejected.
 * There is one queue per user, who is identified by a key:
 *
 *   a: ● ● ● ●     if all places are taken, the longest queue gives up its last caller to a user with fewer
 *   b: ●           the queues take turns, so no user waits behind all callers of another */

export interface FairQueue {
  /** Resolves with true when the caller may run; the caller must then call `leave`. Resolves with false if the caller is rejected. */
  enter(key: string): Promise<boolean>;
  leave(key: string): void;
}

export interface FairQueueOptions {
  readonly concurrency: number;
  readonly queueLength: number;
}

type Settle = (isAdmitted: boolean) => void;

/** One user never takes more than half of all places, running and waiting. As long as fewer than `queueLength` users wait, each has a place. */
export function createFairQueue({ concurrency, queueLength }: FairQueueOptions): FairQueue {
  const maxPerKey = Math.ceil((concurrency + queueLength) / 2);
  const queues = createQueues();
  /** By key: the callers that run or wait. */
  const presentByKey = new Map<string, number>();
  let runningCount = 0;

  function removeOne(key: string): void {
    const present = (presentByKey.get(key) ?? 1) - 1;
    if (present === 0) presentByKey.delete(key);
    else presentByKey.set(key, present);
  }

  /** Rejects the last caller of the longest queue, if that is longer than the queue of this key is about to become. */
  function freesPlace(key: string): boolean {
    const longest = queues.longest(queues.length(key) + 1);
    if (longest === undefined) return false;
    removeOne(longest);
    queues.rejectLast(longest);
    return true;
  }

  return {
    async enter(key) {
      const present = presentByKey.get(key) ?? 0;
      if (present >= maxPerKey || (queues.count() >= queueLength && !freesPlace(key))) return false;
      presentByKey.set(key, present + 1);
      if (runningCount >= concurrency) return new Promise<boolean>((resolve) => queues.add(key, resolve));
      runningCount++;
      return true;
    },
    leave(key) {
      removeOne(key);
      if (queues.count() === 0) runningCount--;
      else queues.admitNext();
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
    /** The key of the longest queue with more than `than` callers. */
    longest(than: number): string | undefined {
      let found: string | undefined;
      let most = than;
      for (const [key, { length }] of queues) if (length > most) [found, most] = [key, length];
      return found;
    },
    rejectLast: (key: string) => take(key, 'pop')?.(false),
    admitNext(): void {
      const [next = ''] = queues.keys();
      const settle = take(next, 'shift');
      const queue = queues.get(next);
      queues.delete(next); // and to the end of the map: the other queues go first
      if (queue !== undefined) queues.set(next, queue);
      settle?.(true);
    },
  };
}
