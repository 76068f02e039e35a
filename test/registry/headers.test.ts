import { expect, test } from 'vitest';
import { parseChallenges } from '../../src/registry/auth/challenge.ts';
import { nextPage } from '../../src/registry/link-header.ts';

test('reads a challenge with all its parameters, in any order and case', () => {
  const header =
    'Bearer realm="https://gitlab.example/jwt/auth",Service="container_registry",scope="repository:a:pull registry:catalog:*",error=insufficient_scope';
  expect(parseChallenges(header)).toEqual([
    {
      scheme: 'bearer',
      parameters: new Map([
        ['realm', 'https://gitlab.example/jwt/auth'],
        ['service', 'container_registry'],
        ['scope', 'repository:a:pull registry:catalog:*'],
        ['error', 'insufficient_scope'],
      ]),
    },
  ]);
});

test('separates several challenges in one header, also with quoted commas and quotes', () => {
  const [negotiate, basic, bearer] = parseChallenges(
    'Negotiate, BASIC realm="a, \\"b\\"", charset="UTF-8", Bearer realm=x',
  );
  expect(negotiate).toEqual({ scheme: 'negotiate', parameters: new Map() });
  expect(basic?.parameters.get('realm')).toBe('a, "b"');
  expect(bearer).toEqual({ scheme: 'bearer', parameters: new Map([['realm', 'x']]) });
});

test('reads nonsense as no challenge', () => {
  expect(parseChallenges('')).toEqual([]);
  expect(parseChallenges('"""')).toEqual([]);
  expect(parseChallenges('Bearer realm="open')).toEqual([{ scheme: 'bearer', parameters: new Map() }].slice(0, 1));
});

test('takes only n and last from a next link, relative, absolute or unescaped', () => {
  const page = { n: '100', last: 'x/y' };
  expect(nextPage('</v2/_catalog?last=x%2Fy&n=100>; rel="next"')).toEqual(page);
  expect(nextPage('<http://elsewhere.example/other?n=100&last=x/y>; rel=next')).toEqual(page);
  expect(nextPage('</a?last=p>; rel="previous", </v2/_catalog?last=x/y&n=100>; title="a, b"; REL="last Next"')).toEqual(
    page,
  );
  expect(nextPage(['</a?last=p>; rel="previous"', '</v2/_catalog?last=x/y&n=100>; rel="next"'])).toEqual(page);
});

test('finds no next page without a next link', () => {
  expect(nextPage(undefined)).toBeUndefined();
  expect(nextPage('</a?last=p>; rel="previous"')).toBeUndefined();
  expect(nextPage('</a?n=5>; rel="next"')).toBeUndefined();
  expect(nextPage('gibberish')).toBeUndefined();
  expect(nextPage('<http://[>; rel="next"')).toBeUndefined();
});
