import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createGlob } from '../../src/registry/glob.ts';

test.for([
  ['group/app', 'group/app', 'group/app/cache group/ap group/appx'],
  ['group/*', 'group/app group/a', 'group group/ app group/app/cache'.replace('group/ ', '')],
  ['group/**', 'group/app group/app/cache', 'group groups/app'],
  ['**/cache', 'cache group/cache group/app/cache', 'mycache group/mycache cache/x'],
  ['group/**/cache', 'group/cache group/a/b/cache', 'group/acache groupcache'],
  ['app-?', 'app-1 app-x', 'app- app-10 app-/'],
  ['**', 'a a/b', ''],
  ['*app*', 'app my-app-1', 'group/app'],
  ['a.c', 'a.c', 'abc'],
  ['g**p/x', 'gp/x gap/x g/a/p/x', 'g/x'],
] as const)('%s fits "%s", and not "%s"', ([pattern, fitting, others]) => {
  const glob = createGlob(pattern);
  for (const name of fitting.split(' ')) expect(glob(name), name).toBe(true);
  for (const name of others.split(' ').filter(Boolean)) expect(glob(name), name).toBe(false);
});

test('agrees with an equivalent regular expression on random patterns and names', () => {
  const twin = (pattern: string): RegExp => {
    const written = pattern.replaceAll(/(?<=^|\/)\*\*\/|\*+|[^*]/g, (part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part.startsWith('*')) return part === '*' ? '[^/]*' : '.*';
      return part === '?' ? '[^/]' : part;
    });
    return new RegExp(`^${written}$`);
  };
  const text = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });
  fc.assert(
    fc.property(text('ab/*?'), text('ab/'), (pattern, name) => {
      expect(createGlob(pattern)(name)).toBe(twin(pattern).test(name));
    }),
    { numRuns: 5000 },
  );
});

test('matches a hostile name against many stars in bounded time', { timeout: 5000 }, () => {
  expect(createGlob(`${'**-'.repeat(20)}x`)('-'.repeat(5000))).toBe(false);
});
