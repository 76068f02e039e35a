import { RegistryError } from './errors.ts';

/** More than any registry has of one thing, and as much as fits into memory: a listing without end must not fill it. */
const MOST_ENTRIES = 1_000_000;

/** Counts the entries of a listing, page by page. Throws a `RegistryError` where they are too many. A page without any counts as one. */
export function createListingBound(url: URL): (page: readonly unknown[]) => void {
  let count = 0;
  return (page) => {
    count += Math.max(1, page.length);
    if (count > MOST_ENTRIES)
      throw new RegistryError('unreadable', 'the listing has more than 1,000,000 entries, or does not end', url);
  };
}
