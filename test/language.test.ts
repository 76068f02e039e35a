import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROOT } from './support/documentation.ts';

/* Plain English: finds wording that readers stumble over. It is a net with wide meshes: a text without a finding can still be hard to read. */

/** What not to write, and what to write instead. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [
    /\bwho(?:m)?ever\b|\bwhatever (?:is|was|are|were|has|comes|goes|stands|else|it|they|we)\b/i,
    'name the actor: the client, the user, the registry, the service, any value',
  ],
  [/\b(?:no|some|any|every)body\b/i, 'name the actor: no client, another user, every process'],
  [/\bany ?more\b(?! than)/i, 'no longer'],
  [/\b(?:is|are|was|were) (?:none of|no whole|told|said)\b/i, 'must be …; the service logs …, the response says …'],
  [/(?:^|[.:;] )(?:Who|Whom|Whose) (?![^.]*\?)/, 'name the actor instead of a relative pronoun'],
  [
    /(?:^|[.] )What (?:is|was|has|had|comes?|goes|nobody|it|they|stands|\w+s)\b(?![^.]*\?)/,
    'name the thing instead of a relative pronoun',
  ],
  [/\bwhat (?:is|was) (?:kept|read|asked|given|known|shown|said|found|meant|wanted)\b/i, 'name the thing'],
  [/\band counts(?=[.,;]|$)|\bcounts? (?:more|no more)\b/i, 'takes precedence, takes effect'],
  [/\bin front of whom\b|\bfor whom\b|\bto whom\b|\bby whom\b/i, 'name the actor'],
  [/\b(?:lets?|let) (?:in|pass)\b(?! through)/i, 'accepts, allows, ignores'],
  [/\bturnstile\b|\bguests?\b|\bleft ?overs\b|\bthe house\b/i, 'no metaphor'],
  [/\bwants? (?:to be|a |an |the |it )/i, 'needs, requires, expects'],
];

interface Text {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

const read = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8');
const files = (...patterns: readonly string[]): readonly string[] => globSync([...patterns], { cwd: ROOT }).sort();
const lines = (file: string): readonly Text[] =>
  read(file)
    .split('\n')
    .map((text, index) => ({ file, line: index + 1, text }));

/** Comments and texts of TypeScript: identifiers and keywords are no prose. */
function prose({ text, ...place }: Text): Text {
  const comment = /^\s*(?:\/?\*+|\/\/)(.*)$/.exec(text)?.[1] ?? /\s\/[/*]+ (.*)$/.exec(text)?.[1] ?? '';
  const strings = [...text.matchAll(/'((?:[^'\\]|\\.)*)'|`([^`]*)`|"([^"]*)"/g)].map(([, ...found]) => found.join(''));
  return { ...place, text: [comment.trim(), ...strings.filter((one) => one.includes(' '))].join('\n') };
}

/** The titles of tests. */
function titles({ text, ...place }: Text): Text {
  const [, title = ''] = /\b(?:test|describe|it)(?:\.\w+(?:\([^)]*\))?)*\(\s*['"`](.*?)['"`],/.exec(text) ?? [];
  return { ...place, text: title };
}

function findings(texts: readonly Text[]): readonly string[] {
  return texts.flatMap(({ file, line, text }) =>
    text
      .split('\n')
      .flatMap((one) =>
        PATTERNS.filter(([pattern]) => pattern.test(one)).map(
          ([pattern, advice]) => `${file}:${line}: "${pattern.exec(one)?.[0].trim()}" (${advice})`,
        ),
      ),
  );
}

test('the patterns find what they are for', () => {
  const bad = ['Who guesses waits', 'page is no whole number', 'a file was read again, and counts', 'nobody asks'];
  for (const text of bad) expect(findings([{ file: '', line: 1, text }]), text).not.toEqual([]);
  expect(findings([{ file: '', line: 1, text: 'Who is allowed to sign in?' }])).toEqual([]);
});

test('documentation', () => {
  const pages = files('*.md', 'docs/**/*.md', 'bench/*.md', 'man/*');
  expect(findings(pages.flatMap(lines))).toEqual([]);
});

test('comments and texts of the sources', () => {
  const sources = files('src/**/*.ts', 'tools/**/*.ts', 'lab/**/*.ts', 'bench/**/*.ts');
  expect(findings(sources.flatMap(lines).map(prose))).toEqual([]);
});

test('titles of tests', () => {
  expect(findings(files('test/**/*.test.ts').flatMap(lines).map(titles))).toEqual([]);
});
