import { RegistryError } from '../errors.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import { tokenRealm } from './token-realm.ts';

/** How requests are authenticated. */
export type Scheme =
  | { readonly kind: 'open' }
  | { readonly kind: 'basic'; readonly authorization: string }
  | {
      readonly kind: 'bearer';
      readonly realm: URL;
      /** Undefined if the challenge names none: then none is sent, and one in the query of the realm stays. */
      readonly service: string | undefined;
    };
export type BearerScheme = Extract<Scheme, { readonly kind: 'bearer' }>;

export interface ChallengeOptions extends Credentials {
  readonly tokenOrigins: readonly string[];
}

export interface ChallengedSchemes {
  /** What the client can do, the best first. */
  readonly schemes: readonly Scheme[];
  /** Why the client cannot use the token service that the response names. */
  readonly problem: RegistryError | undefined;
  readonly hasBasic: boolean;
}

/** Returns the schemes that a 401 asks for. Several headers, and several challenges in one header, count alike. */
export function schemesOf(response: HttpResponse, url: URL, options: ChallengeOptions): ChallengedSchemes {
  const schemes: Scheme[] = [];
  let problem: RegistryError | undefined;
  const challenges = challengesOf(response);
  for (const { parameters } of challenges.filter(({ scheme }) => scheme === 'bearer')) {
    const realm = tokenRealm(parameters.get('realm') ?? '', url, options);
    if (realm instanceof RegistryError) problem ??= realm;
    else schemes.push({ kind: 'bearer', realm, service: parameters.get('service') });
  }
  const hasBasic = challenges.some(({ scheme }) => scheme === 'basic');
  const authorization = basicAuthorization(options);
  if (hasBasic && authorization !== undefined) schemes.push({ kind: 'basic', authorization });
  return { schemes, problem, hasBasic };
}

/** Returns the challenges of all `WWW-Authenticate` headers in their order. */
export function challengesOf(response: HttpResponse): readonly Challenge[] {
  const header = response.headers['www-authenticate'];
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header];
  return lines.flatMap(parseChallenges);
}

/** Returns a text that is the same for the same scheme. */
export function schemeKey(scheme: Scheme): string {
  return scheme.kind === 'bearer' ? `bearer ${scheme.realm.href} ${scheme.service ?? ''}` : scheme.kind;
}
