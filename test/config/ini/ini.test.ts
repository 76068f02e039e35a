import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIni } from '../../../src/config/ini/ini.ts';

function values(text: string): Record<string, Record<string, string | undefined>> {
  const { sections, problems } = parseIni(text);
  expect(problems).toEqual([]);
  return Object.fromEntries(
    [...sections].map(([name, { entries }]) => [
      name,
      Object.fromEntries([...entries].map(([key, { value }]) => [key, value])),
    ]),
  );
}

const problems = (text: string) => parseIni(text).problems.map(({ line, message }) => `${line}: ${message}`);

test('separates keys and values at the first equals sign or colon', () => {
  expect(values('[a]\nx = 1\ny: 2\nz=a:b\nu:a=b\nempty=\n')).toEqual({
    a: { x: '1', y: '2', z: 'a:b', u: 'a=b', empty: '' },
  });
});

test('ignores the case of keys, but not of sections and values', () => {
  expect(values('[A]\nKey = Value\n[a]\nKEY = other')).toEqual({ A: { key: 'Value' }, a: { key: 'other' } });
});

test('treats # and ; as comments only at the start of a line', () => {
  expect(values('; one\n# two\n[a]\nx = 1 # no comment\n  # in between\n  ; as well\ny = a;b')).toEqual({
    a: { x: '1 # no comment', y: 'a;b' },
  });
});

test('continues a value with more deeply indented lines and the empty lines between them', () => {
  expect(values('[a]\nx = 1\n  2\n\n\t3\n\ny = 4')).toEqual({ a: { x: '1\n2\n\n3', y: '4' } });
});

test('allows indented keys, and continues a value only with more deeply indented lines', () => {
  expect(values('[a]\n  x = 1\n  y = 2\n    3')).toEqual({ a: { x: '1', y: '2\n3' } });
});

test('applies [DEFAULT] to all sections, and prefers their own keys', () => {
  expect(values('[a]\nx = own\n[DEFAULT]\nx = 1\ny = 2\n[b]')).toEqual({
    a: { x: 'own', y: '2' },
    b: { x: '1', y: '2' },
  });
});

test('accepts a byte order mark and any line breaks', () => {
  expect(values('\uFEFF[a]\r\nx = 1\r\n  2\ry = 3')).toEqual({ a: { x: '1\n2', y: '3' } });
});

test('replaces %(name)s by the value of that key and %% by %, and keeps other % signs', () => {
  expect(
    values(
      '[DEFAULT]\ndomain = example.com\n[a]\nhost = ldap.%(DOMAIN)s\nurl = https://%(host)s/\np = 100%% 50% %(x %c %',
    ),
  ).toEqual({
    a: {
      domain: 'example.com',
      host: 'ldap.example.com',
      url: 'https://ldap.example.com/',
      p: '100% 50% %(x %c %',
    },
  });
});

test('reports every problem with its line', () => {
  expect(
    problems(
      [
        'early = 1',
        'hello',
        '[a]',
        'x = 1',
        'X: 2',
        'nonsense',
        '= value',
        '[b]',
        '[a]',
        'y = %(nope)s',
        'z = %(z)s',
      ].join('\n'),
    ),
  ).toEqual([
    '1: is outside of any section; start with a header such as [general]',
    '5: is set twice, first in line 4; keep one of them',
    '6: is not a section, a key or a comment; write key = value',
    '7: is a value without a key; write key = value',
    '9: appears twice, first in line 3; merge the two',
    '10: refers with %(…)s to a key that does not exist; write %% for a literal %',
    '11: refers to itself, or is nested too deep; write out the value',
  ]);
});

test('reports an invalid reference in [DEFAULT] once, although several sections inherit it', () => {
  expect(problems('[DEFAULT]\nx = %(nope)s\n[a]\n[b]')).toHaveLength(1);
});

test('does not quote the rest of a secret that was wrapped by mistake', () => {
  const text = '[jwt]\nsecret_key = c2Vj\nUmV0S2V5==\nUmV0S2V5==\nUmV0U2VjcmV0\n';
  expect(problems(text).join('\n')).not.toMatch(/umv0/i);
  expect(problems(text)).toHaveLength(2);
});

test('reports references that expand to more than the limit', () => {
  const bomb = Array.from({ length: 9 }, (_, i) => `k${i} = ${`%(k${i + 1})s`.repeat(50)}`).join('\n');
  expect(problems(`[a]\n${bomb}\nk9 = boom`)).toContain(
    '2: grows beyond 100000 characters through its %(…)s; write out the value',
  );
});

test('never throws, and every problem names an existing line, for any text', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('[a]', '[DEFAULT]', '[', ']', 'x = %(y)s', 'y : %(x)s %', '  more', '=', '#', '\uFEFF', '\t'),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const text = lines.join('\n');
      const count = text.split(/\r\n|\r|\n/).length;
      for (const problem of parseIni(text).problems) {
        expect(problem.line).toBeGreaterThan(0);
        expect(problem.line).toBeLessThanOrEqual(count);
      }
    }),
  );
});
