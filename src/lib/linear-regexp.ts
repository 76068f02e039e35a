import { RE2JS } from 're2js';

/** A regular expression in the syntax of RE2. The time of a match is linear in the length of the text, whatever the expression. */
export interface LinearRegExp {
  /** Returns whether the expression matches a part of the text. Ignores case. */
  test(text: string): boolean;
  /** The size of the compiled program. A match takes at most about this many nanoseconds for each character. */
  readonly size: number;
}

/* The time to compile an expression, and to match a text for the first time, grows with the size of the program. */
const MAX_REPEATS = 100;
const MAX_SIZE = 256;

/** Compiles an expression; returns the reason if it is not valid or too large. */
export function compileLinearRegExp(source: string): LinearRegExp | { readonly wrong: string } {
  // Before compiling: a repeated part is compiled as often as it is repeated.
  for (const [, count] of source.matchAll(/\{(\d+)/g)) {
    if (Number(count) > MAX_REPEATS) return { wrong: `a repetition must have at most ${MAX_REPEATS} repeats` };
  }
  try {
    const compiled = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);
    const size = compiled.programSize();
    if (size > MAX_SIZE) return { wrong: 'the regular expression is too large' };
    return { test: (text) => compiled.test(text), size };
  } catch (error) {
    return { wrong: reasonOf(error) };
  }
}

/** Returns the reason without the prefix of the library, and without the flag that it puts in front of the expression. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error parsing regexp: /, '').replace('`(?i)', '`');
}
