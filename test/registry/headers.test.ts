import { expect, test } from 'vitest';
import { parseChallenges } from '../../src/registry/auth/challenge.ts';
import { nextPage } from '../../src/registry/link-header.ts';

test('a challenge is read with all its parameters, whatever their order and case', () => {
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

test('several challenges in one header are told apart, and a quoted comma or quote is no end', () => {
  const [negotiate, basic, bearer] = parseChallenges(
    'Negotiate, BASIC realm="a, \\"b\\"", charset="UTF-8", Bearer realm=x',
  );
  expect(negotiate).toEqual({ scheme: 'negotiate', parameters: new Map() });
  expect(basic?.parameters.get('realm')).toBe('a, "b"');
  expect(bearer).toEqual({ scheme: 'bearer', parameters: new Map([['realm', 'x']]) });
});

test('nonsense in place of a challenge is no challenge, and no endless loop', () => {
  expect(parseChallenges('')).toEqual([]);
  expect(parseChallenges('"""')).toEqual([]);
  expect(parseChallenges('Bearer realm="open')).toEqual([{ scheme: 'bearer', parameters: new Map() }].slice(0, 1));
});

test('of a next link only n and last are taken, whether it is relative, absolute or unescaped', () => {
  const page = { n: '100', last: 'x/y' };
  expect(nextPage('</v2/_catalog?last=x%2Fy&n=100>; rel="next"')).toEqual(page);
  expect(nextPage('<http://elsewhere.example/other?n=100&last=x/y>; rel=next')).toEqual(page);
  expect(nextPage('</a?last=p>; rel="previous", </v2/_catalog?last=x/y&n=100>; title="a, b"; REL="last Next"')).toEqual(
    page,
  );
  expect(nextPage(['</a?last=p>; rel="previous"', '</v2/_catalog?last=x/y&n=100>; rel="next"'])).toEqual(page);
});

test('without a next link there is no next page', () => {
  expect(nextPage(undefined)).toBeUndefined();
  expect(nextPage('</a?last=p>; rel="previous"')).toBeUndefined();
  expect(nextPage('</a?n=5>; rel="next"')).toBeUndefined();
  expect(nextPage('gibberish')).toBeUndefined();
  expect(nextPage('<http://[>; rel="next"')).toBeUndefined();
});
