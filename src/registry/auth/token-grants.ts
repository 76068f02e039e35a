import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';

/** The claims of a token that concern its client. They are a hint only: the registry verifies the signature and decides. */
export interface TokenClaims {
  /** The lifetime in seconds: a difference of two times of the token service, because its clock may differ from ours. */
  readonly lifeSeconds: number | undefined;
  /** The granted scopes, in the form of requested ones; undefined if the token does not list them. */
  readonly grants: readonly string[] | undefined;
}

const claims = z.object({ iat: z.unknown(), exp: z.unknown(), access: z.unknown() }).partial();
const access = z.array(z.unknown());
const grant = z.object({ type: z.string(), name: z.string(), actions: z.array(z.unknown()).nullish() });

/** Reads a token. Undefined if it is not a JWT. A claim of an unexpected type counts as absent. */
export function readClaims(token: string): TokenClaims | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  const found = claims.safeParse(parseJson(Buffer.from(payload, 'base64url'))).data;
  if (found === undefined) return undefined;
  const { iat, exp } = found;
  const grants = access.safeParse(found.access).data;
  return {
    lifeSeconds: typeof iat === 'number' && typeof exp === 'number' ? exp - iat : undefined,
    grants: grants?.flatMap(grantedScope),
  };
}

function grantedScope(value: unknown): readonly string[] {
  const found = grant.safeParse(value).data;
  if (found === undefined) return [];
  const { name, actions } = found;
  const type = found.type.replace(/\([^()]*\)$/, ''); // `repository(plugin)` names a class
  if (type === 'registry') return actions?.includes('*') === true ? [`registry:${name}:*`] : [];
  return actions?.some((action) => action === 'pull' || action === '*') === true ? [`${type}:${name}:pull`] : [];
}

/** Returns whether one of the granted scopes is this one, or a pattern that fits: `repository:*:pull`, `repository:a/*:pull`. */
export function isGranted(grants: readonly string[], scope: string): boolean {
  return grants.some((granted) => granted === scope || fits(granted, scope));
}

/** A `*` stands for any text. */
function fits(pattern: string, scope: string): boolean {
  if (!pattern.startsWith('repository:') || !pattern.includes('*')) return false;
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  if (!scope.startsWith(first) || !scope.endsWith(last) || scope.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = scope.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= scope.length - last.length;
}
