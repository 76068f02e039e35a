/** How many workers a crawl has, and what ends all of them: the first failure aborts it. */
export interface Workers {
  readonly width: number;
  readonly ended: AbortController;
}

/**
 * Feeds `items` to so many workers. The first failure closes the feed, ends every other worker of the crawl, and is thrown once all
 * workers here have stopped: nothing goes on behind the back of whoever catches it.
 */
export async function forEachLimited<T>(
  items: AsyncIterable<T> | Iterable<T>,
  { width, ended }: Workers,
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
  await Promise.all(Array.from({ length: width }, worker));
  await feed.return?.();
  ended.signal.throwIfAborted();
}
