import { assertNever } from '../../lib/assert-never.ts';
import { compileLinearRegExp } from '../../lib/linear-regexp.ts';
import { compileGlob } from './glob.ts';
import { parseSearch, SearchSyntaxError, type SearchTerm, type SearchTree } from './parse-search.ts';

/** A search that is ready to be applied to names. */
export interface Search {
  readonly matches: (subject: Subject) => boolean;
  /** The time for each character of a name, in nanoseconds, roughly. */
  readonly costPerCharacter: number;
}

/** What a search looks at. */
export interface Subject {
  readonly name: string;
  /** Undefined if the name does not consist of such parts. */
  readonly parts?: NameParts | undefined;
}

export interface NameParts {
  readonly repository: string;
  /** Undefined for a whole repository: a search then ignores its part for the tag. */
  readonly tag: string | undefined;
}

/** Compiles a search (see parse-search.ts), which may take some milliseconds. Throws a `SearchSyntaxError` if it is not valid. */
export function createSearch(text: string): Search {
  const tree = parseSearch(text);
  return tree === undefined ? MATCHES_ALL : compile(tree);
}

const MATCHES_ALL: Search = { matches: () => true, costPerCharacter: 0 };

function compile(tree: SearchTree): Search {
  switch (tree.kind) {
    case 'all': {
      const searches = tree.of.map(compile);
      return {
        matches: (subject) => searches.every(({ matches }) => matches(subject)),
        costPerCharacter: sum(searches),
      };
    }
    case 'any': {
      const searches = tree.of.map(compile);
      return {
        matches: (subject) => searches.some(({ matches }) => matches(subject)),
        costPerCharacter: sum(searches),
      };
    }
    case 'not': {
      const { matches, costPerCharacter } = compile(tree.of);
      return { matches: (subject) => !matches(subject), costPerCharacter };
    }
    case 'parts': {
      const [repository, tag, whole] = [tree.repository, tree.tag, tree.whole].map(compileTerm) as [Test, Test, Test];
      const matches = ({ name, parts }: Subject): boolean =>
        parts === undefined
          ? whole.test(name)
          : repository.test(parts.repository) && (parts.tag === undefined || tag.test(parts.tag));
      return { matches, costPerCharacter: repository.costPerCharacter + tag.costPerCharacter };
    }
    default: {
      const { test, costPerCharacter } = compileTerm(tree);
      return { matches: ({ name }) => test(name), costPerCharacter };
    }
  }
}

function sum(searches: readonly Search[]): number {
  return searches.reduce((all, { costPerCharacter }) => all + costPerCharacter, 0);
}

interface Test {
  readonly test: (name: string) => boolean;
  readonly costPerCharacter: number;
}

const COST_OF_TEXT = 2;

function compileTerm(term: SearchTerm): Test {
  switch (term.kind) {
    case 'text': {
      const { text } = term;
      return { test: (name) => name.toLowerCase().includes(text), costPerCharacter: COST_OF_TEXT };
    }
    case 'glob': {
      const { matches, costPerCharacter } = compileGlob(term.pattern);
      return { test: (name) => matches(name.toLowerCase()), costPerCharacter };
    }
    case 'regexp': {
      const expression = compileLinearRegExp(term.source);
      if ('wrong' in expression)
        throw new SearchSyntaxError(term.at, `the regular expression is not valid: ${expression.wrong}`);
      return { test: expression.test, costPerCharacter: expression.size };
    }
    case 'parts':
      return compileTerm(term.whole);
    default:
      return assertNever(term);
  }
}
