import { expect, test } from 'vitest';
import type { ListQuery } from '../../../../src/api/collections/query/list-query.ts';
import {
  createSelectionCache,
  type SelectedCollection,
} from '../../../../src/api/collections/query/sort-and-filter.ts';

const LENGTH = 20_000;

function counted(href = '/x') {
  const asked = { values: 0, names: 0 };
  const collection: SelectedCollection = {
    descriptor: { columns: [], orders: {} },
    href,
    length: LENGTH,
    nameAt(position) {
      asked.names++;
      return String(position);
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

test('sorts once, and searches once per order, for any number of pages', async () => {
  const { asked, collection } = counted();
  const { select } = createSelectionCache().visibleTo('all');
  for (let page = 0; page < 5; page++) {
    expect(select(collection, query(''))).toHaveLength(LENGTH);
    expect(await select(collection, query('19999'))).toHaveLength(1);
  }
  expect(asked).toEqual({ values: LENGTH, names: LENGTH });
  expect(select(collection, query('19999'))).toBeInstanceOf(Uint32Array); // with no waiting any more
});

test('shares one running search between equal requests', async () => {
  const { asked, collection } = counted();
  const { select } = createSelectionCache().visibleTo('all');
  const [one, other] = await Promise.all([select(collection, query('1')), select(collection, query('1'))]);
  expect(other).toBe(one);
  expect(asked.names).toBe(LENGTH);
});

test('searches again after a search has failed', async () => {
  const { collection } = counted();
  const { select } = createSelectionCache().visibleTo('all');
  let isBroken = true;
  const nameAt = (position: number) => {
    if (isBroken) throw new Error('no name');
    return String(position);
  };
  await expect(select({ ...collection, nameAt }, query('1'))).rejects.toThrow('no name');
  isBroken = false;
  expect(await select({ ...collection, nameAt }, query('19999'))).toHaveLength(1);
});

test('yields to the event loop while it searches', async () => {
  const { asked, collection } = counted();
  const found = createSelectionCache().visibleTo('all').select(collection, query('1'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked.names).toBeGreaterThan(0);
  // A hard pattern takes up to a third of a millisecond for a name.
  expect(asked.names).toBeLessThan(1000);
  await found;
  expect(asked.names).toBe(LENGTH);
});

test('evicts the least recently used result, and does not keep one that is too large', async () => {
  const [one, other] = [counted('/one'), counted('/other')];
  const { select } = createSelectionCache(6 * LENGTH).visibleTo('all'); // enough for one order of four bytes per member, but not for two
  await select(one.collection, query(''));
  await select(other.collection, query(''));
  await select(one.collection, query(''));
  expect([one.asked.values, other.asked.values]).toEqual([2 * LENGTH, LENGTH]);
  const none = createSelectionCache(LENGTH).visibleTo('all');
  expect(
    [none.select(one.collection, query('')), none.select(one.collection, query(''))].map(
      (all) => (all as Uint32Array).length,
    ),
  ).toEqual([LENGTH, LENGTH]);
});
