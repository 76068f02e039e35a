/** Feeds `items` to `width` workers. The first failure closes the feed and is thrown. */
export async function forEachLimited<T>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const feed = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let isOpen = true;
  const worker = async (): Promise<void> => {
    while (isOpen) {
      const next = await feed.next();
      if (next.done) return;
      await task(next.value);
    }
  };
  try {
    await Promise.all(Array.from({ length: width }, worker));
  } finally {
    isOpen = false;
    await feed.return?.();
  }
}
