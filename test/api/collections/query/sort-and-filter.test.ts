import { expect, test } from 'vitest';
import type { ListQuery } from '../../../../src/api/collections/query/list-query.ts';
import {
  createSelectionCache,
  type SelectedCollection,
} from '../../../../src/api/collections/query/sort-and-filter.ts';
import { runToEnd } from '../../../../src/lib/resumable.ts';

const LENGTH = 20_000;

function counted(href = '/x') {
  const asked = { values: 0, names: 0 };
  const collection: SelectedCollection = {
    descriptor: { columns: [], orders: {} },
    href,
    length: LENGTH,
    searchedAt(position) {
      asked.names++;
      return { name: String(position) };
    },
    orderNamed: () => ({
      kind: 'number',
      valueAt(position) {
        asked.values++;
        return position % 7;
      },
    }),
  };
  return { asked, collection };
}

const query = (search: string): ListQuery => ({
  page: undefined,
  orderBy: 'size',
  sort: undefined,
  search,
  isExact: false,
});

/** The selections of one visibility, each computed to its end at once. */
function selectionsOf(cacheBytes?: number) {
  const { select } = createSelectionCache(cacheBytes).visibleTo('all');
  return {
    inSteps: select,
    select: (collection: SelectedCollection, wanted: ListQuery): Uint32Array => runToEnd(select(collection, wanted)),
  };
}

test('sorts once, and searches once per order, for any number of pages', () => {
  const { asked, collection } = counted();
  const { select } = selectionsOf();
  for (let page = 0; page < 5; page++) {
    expect(select(collection, query(''))).toHaveLength(LENGTH);
    expect(select(collection, query('19999'))).toHaveLength(1);
  }
  expect(asked).toEqual({ values: LENGTH, names: LENGTH });
});

test('uses what an equal search has found meanwhile', () => {
  const { asked, collection } = counted();
  const { select, inSteps } = selectionsOf();
  const slow = inSteps(collection, query('1'));
  slow.next();
  const found = select(collection, query('1'));
  const before = asked.names;
  expect(runToEnd(slow)).toBe(found);
  expect(asked.names).toBe(before);
});

test('searches again after a search has failed', () => {
  const { collection } = counted();
  const { select } = selectionsOf();
  let isBroken = true;
  const searchedAt = (position: number) => {
    if (isBroken) throw new Error('no name');
    return { name: String(position) };
  };
  expect(() => select({ ...collection, searchedAt }, query('1'))).toThrow('no name');
  isBroken = false;
  expect(select({ ...collection, searchedAt }, query('19999'))).toHaveLength(1);
});

test('sorts and searches in small steps', () => {
  const { asked, collection } = counted();
  const steps = selectionsOf().inSteps(collection, query('1'));
  for (let before = { ...asked }; !steps.next().done; before = { ...asked }) {
    expect(asked.values - before.values).toBeLessThan(2000);
    expect(asked.names - before.names).toBeLessThan(200);
  }
  expect(asked).toEqual({ values: LENGTH, names: LENGTH });
});

test('evicts the least recently used result, and does not keep one that is too large', () => {
  const [one, other] = [counted('/one'), counted('/other')];
  const { select } = selectionsOf(6 * LENGTH); // enough for one order of four bytes per member, but not for two
  select(one.collection, query(''));
  select(other.collection, query(''));
  select(one.collection, query(''));
  expect([one.asked.values, other.asked.values]).toEqual([2 * LENGTH, LENGTH]);
  const none = selectionsOf(LENGTH);
  for (let i = 0; i < 2; i++) expect(none.select(one.collection, query(''))).toHaveLength(LENGTH);
});
