import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BY_POSITION, positionsInOrder } from '../../src/domain/order.ts';
import { createSearch } from '../../src/domain/search.ts';

const value = fc.option(fc.constantFrom(0, 1, 2, 2.5, 1e15), { freq: 4 });

test('sorts unknown values last in both directions, and equal ones by position', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), fc.boolean(), (values, isDescending) => {
      const order = { kind: 'number' as const, valueAt: (position: number) => values[position] ?? null };
      const twin = values
        .map((one, position) => ({ one, position }))
        .sort((a, b) => {
          if (a.one === b.one) return a.position - b.position;
          if (a.one === null) return 1;
          if (b.one === null) return -1;
          return isDescending ? b.one - a.one : a.one - b.one;
        });
      expect([...positionsInOrder(values.length, order, isDescending)]).toEqual(twin.map(({ position }) => position));
    }),
  );
});

test('returns positions in either direction', () => {
  expect([...positionsInOrder(3, BY_POSITION, false)]).toEqual([0, 1, 2]);
  expect([...positionsInOrder(3, BY_POSITION, true)]).toEqual([2, 1, 0]);
});

test.for([
  ['app', 'app my-app group/app/cache APP', 'ap a/pp'],
  ['APP', 'app', 'ap'],
  ['*app', 'app my-app group/app', 'apps'],
  ['group/*', 'group/app group/app/cache group/', 'group other/group/app'],
  ['**:latest', 'a:latest a/b:latest', 'latest a:latest-1'],
  ['app-?', 'app-1 app-x', 'app- app-10 my-app-1'],
  ['a.c', 'a.c xa.cx', 'abc'],
  ['*a*b*', 'ab xaxbx', 'ba'],
] as const)('the search text %s matches "%s" but not "%s"', ([text, fitting, others]) => {
  const fits = createSearch(text);
  for (const name of fitting.split(' ')) expect(fits(name), name).toBe(true);
  for (const name of others.split(' ')) expect(fits(name), name).toBe(false);
});

const letters = (from: string, most: number) =>
  fc.array(fc.constantFrom(...from), { maxLength: most }).map((all) => all.join(''));

test('matches random names and search texts like the equivalent regular expression', () => {
  fc.assert(
    fc.property(letters('ab/*?', 8), letters('aAb/', 10), (text, name) => {
      const isWhole = /[*?]/.test(text);
      const written = text.replaceAll('*', '.*').replaceAll('?', '.');
      const twin = new RegExp(isWhole ? `^${written}$` : written, 'is');
      expect(createSearch(text)(name)).toBe(twin.test(name));
    }),
    { numRuns: 2000 },
  );
});

test('does not backtrack exponentially', () => {
  const fits = createSearch(`${'*a'.repeat(200)}*b`);
  const name = 'a'.repeat(384);
  for (let i = 0; i < 300; i++) expect(fits(name)).toBe(false);
});
