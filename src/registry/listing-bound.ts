import { RegistryError } from './errors.ts';

/** More entries than any registry has, and few enough for memory: an endless list must not exhaust it. */
const MOST_ENTRIES = 1_000_000;

/** Returns a function that counts the entries of a list, page by page, and throws a `RegistryError` if there are too many. An empty page counts as one. */
export function createListingBound(url: URL): (page: readonly unknown[]) => void {
  let count = 0;
  return (page) => {
    count += Math.max(1, page.length);
    if (count > MOST_ENTRIES)
      throw new RegistryError('unreadable', 'the list has more than 1,000,000 entries, or does not end', url);
  };
}
