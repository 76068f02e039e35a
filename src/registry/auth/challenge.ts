/* Authentication challenges (RFC 9110, 11.6.1):
 *
 *   WWW-Authenticate = 1#( scheme [ 1*SP ( token68 / #auth-param ) ] )
 *   auth-param       = token BWS "=" BWS ( token / quoted-string )
 *
 * One header may contain several challenges, and commas also separate parameters: a token that no "=" follows starts a new challenge. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const PARAMETER = /\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;
/** A value such as that of `Negotiate`; it is not needed. */
const TOKEN68 = /[\w.~+/-]+=*\s*(?:,|$)/y;
const SCHEME = /[\s,]*([\w!#$%&'*+.^`|~-]+)(?:\s+|,|$)/y;

/** Returns the challenges of a header in their order. Parsing stops at the first syntax error and keeps the challenges before it. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  while (at < header.length) {
    SCHEME.lastIndex = at;
    const scheme = SCHEME.exec(header);
    if (scheme === null) break;
    at = SCHEME.lastIndex;
    const parameters = new Map<string, string>();
    if (!scheme[0].endsWith(',')) at = endOf(TOKEN68, header, at);
    for (;;) {
      PARAMETER.lastIndex = at;
      const parameter = PARAMETER.exec(header);
      if (parameter === null) break;
      at = PARAMETER.lastIndex;
      const [, name = '', quoted, token = ''] = parameter;
      parameters.set(name.toLowerCase(), quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, '$1'));
    }
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters });
  }
  return challenges;
}

/** Returns where a match that begins at `at` ends; `at` if there is none. */
function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text) === null ? at : pattern.lastIndex;
}
