/* The grammar of a search. `docs/collections.md` explains it to users.
 *
 *   any      = all { "OR" all }
 *   all      = one { [ "AND" ] one }
 *   one      = "NOT" one | "(" any ")" | term
 *   term     = quoted | regexp | word
 *   quoted   = '"' characters '"'
 *   regexp   = "/" expression "/"        up to the last slash before the next space; without such a slash it is a word
 *   word     = characters without space and parentheses; with `*` or `?` a glob; with `:` two parts */

export type SearchTree =
  | { readonly kind: 'all' | 'any'; readonly of: readonly SearchTree[] }
  | { readonly kind: 'not'; readonly of: SearchTree }
  | SearchTerm;

export type SearchTerm =
  /** Occurs in the name. In lower case, as all texts. */
  | { readonly kind: 'text'; readonly text: string }
  /** Matches the whole name. */
  | { readonly kind: 'glob'; readonly pattern: string }
  /** Matches the repository and the tag; `whole` applies to names that have no such parts. */
  | { readonly kind: 'parts'; readonly repository: SearchTerm; readonly tag: SearchTerm; readonly whole: SearchTerm }
  /** Matches a part of the name. `at` is the index of the term in the search. */
  | { readonly kind: 'regexp'; readonly source: string; readonly at: number };

const MAX_TERMS = 32;
const MAX_DEPTH = 16;

/** Parses a search. Returns undefined for an empty one. Throws a `SearchSyntaxError` if it is not valid. Regular expressions are not compiled. */
export function parseSearch(text: string): SearchTree | undefined {
  const tokens = tokenize(text);
  if (tokens.length === 0) return undefined;
  const reader = createReader(tokens, text.length);
  const tree = parseAny(reader, 0);
  const rest = reader.peek();
  if (rest !== undefined) throw new SearchSyntaxError(rest.at, 'the parenthesis does not close any other');
  return tree;
}

/** Tells where a text is not a valid search, and why: `at character 5: the parenthesis is not closed`. */
export class SearchSyntaxError extends Error {
  /** @param at the index of the character */
  constructor(at: number, reason: string) {
    super(`at character ${at + 1}: ${reason}`);
  }
}

type Token =
  | { readonly kind: '(' | ')' | 'AND' | 'OR' | 'NOT'; readonly at: number }
  | { readonly kind: 'term'; readonly at: number; readonly term: SearchTerm };

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let termsCount = 0;
  for (let at = 0; at < text.length; ) {
    const [space = ''] = /^\s*/.exec(text.slice(at)) ?? [];
    at += space.length;
    if (at === text.length) break;
    const { token, length } = readToken(text, at);
    if (token.kind === 'term' && ++termsCount > MAX_TERMS) {
      throw new SearchSyntaxError(at, `a search must have at most ${MAX_TERMS} terms`);
    }
    tokens.push(token);
    at += length;
  }
  return tokens;
}

function readToken(text: string, at: number): { readonly token: Token; readonly length: number } {
  const rest = text.slice(at);
  const [first = ''] = rest;
  if (first === '(' || first === ')') return { token: { kind: first, at }, length: 1 };
  if (first === '"') {
    const end = rest.indexOf('"', 1);
    if (end === -1) throw new SearchSyntaxError(at, 'the quotation mark is not closed');
    const quoted = rest.slice(1, end);
    if (quoted === '') throw new SearchSyntaxError(at, 'there is no text between the quotation marks');
    return { token: { kind: 'term', at, term: textOf(quoted) }, length: end + 1 };
  }
  const [, source] = /^\/(\S+)\/\)*(?=\s|$)/.exec(rest) ?? [];
  if (source !== undefined) {
    return { token: { kind: 'term', at, term: { kind: 'regexp', source, at } }, length: source.length + 2 };
  }
  const [word = ''] = /^[^\s()]+/.exec(rest) ?? [];
  const isOperator = word === 'AND' || word === 'OR' || word === 'NOT';
  return { token: isOperator ? { kind: word, at } : { kind: 'term', at, term: termOf(word) }, length: word.length };
}

function textOf(text: string): SearchTerm {
  return { kind: 'text', text: text.toLowerCase() };
}

function termOf(word: string): SearchTerm {
  const isGlob = /[*?]/.test(word);
  const toTerm = (text: string): SearchTerm => (isGlob ? { kind: 'glob', pattern: text.toLowerCase() } : textOf(text));
  const colon = word.lastIndexOf(':');
  if (colon === -1) return toTerm(word);
  return {
    kind: 'parts',
    repository: toTerm(word.slice(0, colon)),
    tag: toTerm(word.slice(colon + 1)),
    whole: toTerm(word),
  };
}

interface Reader {
  peek(): Token | undefined;
  skip(): void;
  /** Where the next token starts, or the text ends. */
  at(): number;
}

function createReader(tokens: readonly Token[], end: number): Reader {
  let next = 0;
  return {
    peek: () => tokens[next],
    skip: () => void next++,
    at: () => tokens[next]?.at ?? end,
  };
}

function parseAny(reader: Reader, depth: number): SearchTree {
  const of = [parseAll(reader, depth)];
  while (reader.peek()?.kind === 'OR') {
    reader.skip();
    of.push(parseAll(reader, depth));
  }
  return joined('any', of);
}

function parseAll(reader: Reader, depth: number): SearchTree {
  const of = [parseOne(reader, depth)];
  for (;;) {
    const kind = reader.peek()?.kind;
    if (kind === undefined || kind === ')' || kind === 'OR') return joined('all', of);
    if (kind === 'AND') reader.skip();
    of.push(parseOne(reader, depth));
  }
}

function parseOne(reader: Reader, depth: number): SearchTree {
  const token = reader.peek();
  if (token === undefined || token.kind === ')' || token.kind === 'AND' || token.kind === 'OR') {
    throw new SearchSyntaxError(reader.at(), `a term is missing${token === undefined ? ' at the end' : ''}`);
  }
  if (depth > MAX_DEPTH) {
    throw new SearchSyntaxError(
      token.at,
      `a search must have at most ${MAX_DEPTH} parentheses and NOT inside each other`,
    );
  }
  reader.skip();
  if (token.kind === 'term') return token.term;
  if (token.kind === 'NOT') return { kind: 'not', of: parseOne(reader, depth + 1) };
  const inside = parseAny(reader, depth + 1);
  if (reader.peek()?.kind !== ')') throw new SearchSyntaxError(token.at, 'the parenthesis is not closed');
  reader.skip();
  return inside;
}

function joined(kind: 'all' | 'any', of: readonly SearchTree[]): SearchTree {
  const [only] = of;
  return of.length === 1 && only !== undefined ? only : { kind, of };
}
