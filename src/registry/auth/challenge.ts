/* What a server wants to see before it answers (RFC 9110, 11.6.1):
 *
 *   WWW-Authenticate = 1#( scheme [ 1*SP ( token68 / #auth-param ) ] )
 *   auth-param       = token BWS "=" BWS ( token / quoted-string )
 *
 * Several challenges may share a header, and their parameters the commas: a scheme is a token that no "=" follows. */
export interface Challenge {
  /** Lower-cased: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names lower-cased. */
  readonly parameters: ReadonlyMap<string, string>;
}

const PARAMETER = /\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;
const SCHEME = /[\s,]*([\w!#$%&'*+.^`|~-]+)(?:\s+|,|$)/y;

/** The challenges of a header, in its order. What does not fit the grammar ends the reading; what came before it stays. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  while (at < header.length) {
    SCHEME.lastIndex = at;
    const scheme = SCHEME.exec(header);
    if (scheme === null) break;
    at = SCHEME.lastIndex;
    const parameters = new Map<string, string>();
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
