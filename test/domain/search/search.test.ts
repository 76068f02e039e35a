import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGlob } from '../../../src/domain/search/glob.ts';
import { createSearch, type Subject } from '../../../src/domain/search/search.ts';

const ofTag = (name: string): Subject => {
  const [repository = '', tag] = name.split(':');
  return tag === undefined ? { name } : { name, parts: { repository, tag } };
};

const finds = (text: string, name: string): boolean => createSearch(text).matches(ofTag(name));

test.for([
  ['app', 'app my-app group/app/cache APP', 'ap a/pp'],
  ['APP', 'app', 'ap'],
  ['-alpine', '1.0-alpine', 'alpine'],
  ['/app', 'group/app', 'app'],
  ['*app', 'app my-app group/app', 'apps'],
  ['group/*', 'group/app group/app/cache group/', 'group other/group/app'],
  ['**:latest', 'a:latest a/b:latest', 'latest a:latest-1'],
  ['app-?', 'app-1 app-x', 'app- app-10 my-app-1'],
  ['a.c', 'a.c xa.cx', 'abc'],
  ['*a*b*', 'ab xaxbx', 'ba'],
  ['red blue', 'red/blue blue-red', 'red blue'],
  ['red AND blue', 'red/blue', 'red blue'],
  ['red OR blue', 'red blue', 'green'],
  ['red blue OR green', 'red-blue green', 'red blue'],
  ['red (blue OR green)', 'red-blue red-green', 'red green blue'],
  ['NOT red', 'blue', 'red'],
  ['NOT red blue', 'blue', 'red-blue green'],
  ['NOT (red OR blue)', 'green', 'red blue'],
  ['and or not', 'band-for-knot', 'band'],
  ['"OR"', 'for', 'and'],
  ['"a?"', 'xa?', 'ab'],
  ['app:1', 'group/app:1.0 app-x:2.1', 'app:2 x:1'],
  ['app:', 'app:1', 'x:app'],
  [':1', 'app:1 x:21', 'app1:2'],
  ['group/*:1.?', 'group/app:1.2', 'group/app:1.20 group/app:11.2'],
  ['/^v\\d+$/', 'v1 V22', 'v1.0 v'],
  ['/^group/app:v(1|2)/', 'group/app:v1 group/app:v2.1', 'group/app:v3'],
  ['(/a(b|c)$/ OR x) NOT d', 'ab ac x', 'abd dx b'],
] as const)('the search %s finds "%s" but not "%s"', ([text, fitting, others]) => {
  for (const name of fitting.split(' ')) expect(finds(text, name), name).toBe(true);
  for (const name of others.split(' ')) expect(finds(text, name), name).toBe(false);
});

test('a term with a colon looks at a whole name that has no parts', () => {
  const { matches } = createSearch('sha256:ab');
  expect([matches({ name: 'sha256:abc' }), matches({ name: 'sha256:cab' })]).toEqual([true, false]);
  expect(createSearch('sha256:a*').matches({ name: 'sha256:abc' })).toBe(true);
});

test('an empty search finds everything', () => {
  for (const text of ['', ' ', '\t ']) expect(finds(text, 'app')).toBe(true);
});

test('in a list without tags, the part for the tag is ignored', () => {
  const inRepositories = { name: 'group/app', parts: { repository: 'group/app', tag: undefined } };
  expect(createSearch('app:1.0').matches(inRepositories)).toBe(true);
  expect(createSearch('group/*:1.*').matches(inRepositories)).toBe(true);
  expect(createSearch('other:1.0').matches(inRepositories)).toBe(false);
});

test.for([
  ['(a', 1, /not closed/],
  ['a)', 2, /does not close/],
  ['a OR', 5, /missing at the end/],
  ['a AND AND b', 7, /missing/],
  ['OR a', 1, /missing/],
  ['()', 2, /missing/],
  ['a NOT', 6, /missing at the end/],
  ['a "b', 3, /not closed/],
  ['a ""', 3, /no text/],
  ['ab /x(/', 4, /regular expression is not valid: missing closing/],
  ['/(?=a)/', 1, /regular expression is not valid/],
  ['/a{500}/', 1, /at most 100 repeats/],
  ['/((a{50}){20}|b)/', 1, /too large/],
  [Array(33).fill('a').join(' '), 65, /at most 32 terms/],
  [`${'('.repeat(20)}a${')'.repeat(20)}`, 18, /at most 16 parentheses/],
] as const)('the search %s is not valid at character %i', ([text, position, reason]) => {
  expect(() => createSearch(text)).toThrow(new RegExp(`^at character ${position}: .*${reason.source}`));
});

const letters = (from: string, most: number) =>
  fc.array(fc.constantFrom(...from), { maxLength: most }).map((all) => all.join(''));

test('a glob matches random names like the equivalent regular expression', () => {
  const pattern = fc.oneof(
    letters('ab?*', 10),
    letters('a?*', 80),
    letters('ab', 40).map((part) => `*?${part}?b*`),
  );
  fc.assert(
    fc.property(pattern, fc.oneof(letters('ab', 12), letters('aab', 90)), (glob, name) => {
      const twin = new RegExp(`^${glob.replaceAll(/\*+/g, '.*').replaceAll('?', '.')}$`, 's');
      expect(compileGlob(glob).matches(name)).toBe(twin.test(name));
    }),
    { numRuns: 3000 },
  );
});

describe('a random search', () => {
  type Tree =
    | { readonly op: 'term'; readonly text: string }
    | { readonly op: 'AND' | 'OR' | ''; readonly of: Tree[] }
    | { readonly op: 'NOT'; readonly of: Tree[] };

  const term = fc.oneof(
    letters('abA', 3).filter((text) => text !== ''),
    letters('ab*?', 4).filter((text) => text !== ''),
    fc.tuple(letters('ab*', 3), letters('ab?', 3)).map((parts) => parts.join(':')),
    fc.constantFrom('/a|b$/', '/^[ab]+:/', '/(ab)*c?/', '"a:b"', '"b"'),
  );
  const tree = fc.letrec<{ node: Tree }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'search' },
      term.map((text): Tree => ({ op: 'term', text })),
      fc.record({
        op: fc.constantFrom('AND' as const, 'OR' as const, '' as const),
        of: fc.array(tie('node'), { minLength: 2, maxLength: 3, depthIdentifier: 'search' }),
      }),
      fc.record({ op: fc.constant('NOT' as const), of: fc.tuple(tie('node')).map(([one]) => [one]) }),
    ),
  })).node;

  /** Writes a tree with parentheses around each operation. */
  function written(one: Tree): string {
    if (one.op === 'term') return one.text;
    if (one.op === 'NOT') return `NOT ${one.of.map(inParentheses).join('')}`;
    return one.of.map(inParentheses).join(` ${one.op} `);
  }

  function inParentheses(one: Tree): string {
    return one.op === 'term' ? one.text : `(${written(one)})`;
  }

  function naive(one: Tree, name: string): boolean {
    if (one.op === 'term') return naiveTerm(one.text, name);
    if (one.op === 'NOT') return !one.of.some((child) => naive(child, name));
    return one.op === 'OR' ? one.of.some((child) => naive(child, name)) : one.of.every((child) => naive(child, name));
  }

  function naiveTerm(text: string, name: string): boolean {
    if (text.startsWith('/')) return new RegExp(text.slice(1, -1), 'i').test(name);
    if (text.startsWith('"')) return new RegExp(text.slice(1, -1), 'i').test(name);
    const isWhole = /[*?]/.test(text);
    const source = (part: string): string => {
      const body = part.replaceAll(/\*+/g, '.*').replaceAll('?', '.');
      return isWhole ? `^${body}$` : body;
    };
    const [own = '', ...others] = text.split(':');
    if (others.length === 0) return new RegExp(source(text), 'i').test(name);
    const [repository = '', tag = ''] = name.split(':');
    return new RegExp(source(own), 'i').test(repository) && new RegExp(source(others.join(':')), 'i').test(tag);
  }

  test('finds what a naive matcher finds', () => {
    const name = fc.tuple(letters('abC', 5), letters('abc', 5)).map((parts) => parts.join(':'));
    fc.assert(
      fc.property(tree, name, (one, subject) => {
        const text = written(one);
        fc.pre(text.split(/\s+/).length < 30);
        expect(finds(text, subject), text).toBe(naive(one, subject));
      }),
      { numRuns: 3000 },
    );
  });

  test('AND binds tighter than OR, and NOT tighter than both, without parentheses', () => {
    const flat = fc.array(fc.tuple(fc.constantFrom('AND', 'OR', ''), fc.boolean(), fc.constantFrom('a', 'b', 'c')), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(flat, letters('abc', 3), (terms, subject) => {
        const text = terms
          .map(([operator, isNegated, letter], i) => `${i === 0 ? '' : operator} ${isNegated ? 'NOT ' : ''}${letter}`)
          .join(' ');
        const groups: boolean[][] = [[]];
        for (const [i, [operator, isNegated, letter]] of terms.entries()) {
          if (i > 0 && operator === 'OR') groups.push([]);
          groups.at(-1)?.push(subject.includes(letter) !== isNegated);
        }
        expect(finds(text, subject), text).toBe(groups.some((all) => all.every(Boolean)));
      }),
    );
  });
});

describe('the cost of a search', () => {
  const longest = `${'a'.repeat(255)}:${'a'.repeat(128)}`;

  test('is next to nothing for a glob that is longer than the name', () => {
    const { matches } = createSearch(`*${'a?'.repeat(82)}`);
    let parts = 0;
    const name = {
      toLowerCase: () => ({
        length: 100,
        get startsWith() {
          parts++;
          return () => true;
        },
      }),
    } as unknown as string;
    expect(matches({ name })).toBe(false);
    expect(parts).toBe(0);
  });

  test('is known before it runs, and grows with the length of the longest part of a glob divided by 32', () => {
    const costOf = (text: string): number => createSearch(text).costPerCharacter;
    expect(costOf(`*${'a?'.repeat(82)}*`)).toBeLessThan(2 * 6 * costOf('*a?*'));
    expect(costOf(`${'*a?'.repeat(82)}*`)).toBeLessThan(2 * costOf('*a?*'));
    expect(costOf('/a{90}/')).toBeGreaterThan(90);
  });

  test('does not explode for nested repetitions and many stars', () => {
    const texts = [
      '/(a*)*b/',
      '/(a|aa)+$/',
      '/(.*a.{20}b|.*b.{20}c)/',
      `${'*a'.repeat(200)}*b`,
      `*${'a?'.repeat(82)}b*`,
    ];
    for (const text of texts) {
      const { matches } = createSearch(text);
      for (let i = 0; i < 50; i++) expect(matches({ name: longest }), text).toBe(text === '/(a|aa)+$/');
    }
  });
});
