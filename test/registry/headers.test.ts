import { expect, test } from 'vitest';
import { parseChallenges } from '../../src/registry/auth/challenge.ts';
import { nextQuery } from '../../src/registry/link-header.ts';

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

const next = (...headers: Parameters<typeof nextQuery>): string | undefined => nextQuery(...headers)?.toString();

test('takes the whole query of a next link, relative, absolute or unescaped', () => {
  const query = 'n=100&last=x%2Fy';
  expect(next('</v2/_catalog?n=100&last=x%2Fy>; rel="next"')).toBe(query);
  expect(next('<http://elsewhere.example/other?n=100&last=x/y>; rel=next')).toBe(query);
  expect(next('</a?last=p>; rel="previous", </v2/_catalog?n=100&last=x/y>; title="a, b"; REL="last Next"')).toBe(query);
  expect(next(['</a?last=p>; rel="previous"', '</v2/_catalog?n=100&last=x/y>; rel="next"'])).toBe(query);
  expect(next('</v2/_catalog?next_page=gAAA+b%2Bc==&n=5>; rel="next"')).toBe('next_page=gAAA+b%2Bc%3D%3D&n=5');
});

test('finds no next page without a next link', () => {
  expect(next(undefined)).toBeUndefined();
  expect(next('</a?last=p>; rel="previous"')).toBeUndefined();
  expect(next('gibberish')).toBeUndefined();
  expect(next('<http://[>; rel="next"')).toBeUndefined();
});
