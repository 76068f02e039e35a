/** The workers of one crawl. */
export interface WorkerPool {
  /** How many workers a loop has. */
  readonly concurrency: number;
  /** Aborted by the first failure: ends every loop of the crawl. */
  readonly ended: AbortController;
}

/**
 * Runs `task` for every item, on `concurrency` workers. The first failure ends this loop and all others of the pool. It is thrown after all
 * workers of this loop have stopped, so that nothing runs on after the caller has caught it.
 */
export async function forEachConcurrently<T>(
  items: AsyncIterable<T> | Iterable<T>,
  { concurrency, ended }: WorkerPool,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const feed = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    try {
      while (!ended.signal.aborted) {
        const next = await feed.next();
        if (next.done) return;
        await task(next.value);
      }
    } catch (error) {
      ended.abort(error);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  await feed.return?.();
  ended.signal.throwIfAborted();
}
