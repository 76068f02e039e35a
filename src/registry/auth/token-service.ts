import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { byName, type RepositoryName } from '../../domain/names.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { createSingleFlight, type SingleFlight } from '../../lib/single-flight.ts';
import type { SteadyClock } from '../../ports.ts';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { asOutage } from '../transport/outage-detector.ts';
import type { HttpResponse } from '../transport/send-once.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import type { TokenGate } from './token-gate.ts';

export interface TokenServiceOptions extends Credentials {
  readonly realm: URL;
  readonly service: string;
  readonly steadyClock: SteadyClock;
  /** Outlives the tokens, so that a refusal is remembered longer. */
  readonly gate: TokenGate;
}

/** A bearer token for the registry. `grants` is undefined if the token does not list them. */
export interface RegistryToken {
  /** The header value, built once: tokens are long, and a crawl sends one with every request. */
  readonly authorization: string;
  /** By the steady clock. */
  readonly renewAt: number;
  readonly grants: ReadonlySet<string> | undefined;
}

/** The tokens of a crawl: several repositories share a token, each token is requested once at a time and renewed before it expires. */
export interface TokenService {
  /** Announces repositories that will be read soon, so that they share tokens. */
  expect(repositories: readonly RepositoryName[]): void;
  tokenFor(subject: TokenSubject, signal: AbortSignal): Promise<RegistryToken>;
  /** Reports that the registry has refused this token, so that it is not used again. */
  refuse(subject: TokenSubject, token: RegistryToken): void;
}

export type TokenSubject = RepositoryName | typeof CATALOG;
/** Stands for the list of all repositories, which only administrators may read. */
export const CATALOG = Symbol('catalog');

/* A group of repositories shares a token:
 *
 *   scope=repository:a:pull&scope=repository:b:pull ...   at most 20, or the token exceeds the header buffer of a proxy
 *
 * A group whose token is still too long, or that the token service rejects, is split in half. */
const GROUP_SIZE = 20;
const LONGEST_TOKEN = 6000;
const TOO_MUCH_ASKED: ReadonlySet<number> = new Set([400, 413, 414, 431, 502]);
/** The lifetime of a token that states none, by the Docker token specification. */
const DEFAULT_LIFE_MS = 60_000;
const RENEW_AFTER_SHARE_OF_LIFE = 0.8;

interface Group {
  readonly subjects: readonly TokenSubject[];
  /** Resolves to undefined if the group has been split. */
  readonly token: SingleFlight<RegistryToken | undefined>;
  /** The value of `token`. A late refusal of an earlier token does not change it. */
  current?: RegistryToken | undefined;
}

export function createTokenService(http: HttpClient, options: TokenServiceOptions): TokenService {
  const groups = new Map<TokenSubject, Group>();

  function groupTogether(subjects: readonly TokenSubject[]): Group {
    const group: Group = { subjects, token: createSingleFlight() };
    for (const subject of subjects) groups.set(subject, group);
    return group;
  }

  async function fetchToken(group: Group, signal: AbortSignal): Promise<RegistryToken | undefined> {
    const token = await options.gate.ask(signal, () => requestToken(http, options, group.subjects, signal));
    group.current = token;
    if (token === undefined) {
      const middle = Math.ceil(group.subjects.length / 2);
      groupTogether(group.subjects.slice(0, middle));
      groupTogether(group.subjects.slice(middle));
    }
    return token;
  }

  function forget(group: Group): void {
    group.current = undefined;
    group.token.forget();
  }

  return {
    expect(repositories) {
      const fresh = repositories.filter((name) => !groups.has(name)).sort(byName);
      for (let at = 0; at < fresh.length; at += GROUP_SIZE) groupTogether(fresh.slice(at, at + GROUP_SIZE));
    },
    async tokenFor(subject, signal) {
      // The group may be split while this waits. Then the subject has another group, and the loop asks again.
      for (;;) {
        const group = groups.get(subject) ?? groupTogether([subject]);
        if (group.current !== undefined && options.steadyClock() >= group.current.renewAt) forget(group);
        const token = await group.token.ask(signal, (asked) => fetchToken(group, asked));
        if (token !== undefined) return token;
      }
    },
    refuse(subject, token) {
      const group = groups.get(subject);
      if (group?.current === token) forget(group);
    },
  };
}

/** Requests a token for a group; undefined if the group is too large. */
async function requestToken(
  http: HttpClient,
  options: TokenServiceOptions,
  subjects: readonly TokenSubject[],
  signal: AbortSignal,
): Promise<RegistryToken | undefined> {
  const url = new URL(options.realm);
  url.searchParams.set('service', options.service);
  for (const subject of subjects) url.searchParams.append('scope', scopeOf(subject));
  const authorization = basicAuthorization(options);
  const requestedAt = options.steadyClock();
  const headers = { authorization };
  const response = await http.send(url, { method: 'GET', headers, signal, isVital: true }).catch(asOutage);
  const mayShrink = subjects.length > 1;
  if (mayShrink && TOO_MUCH_ASKED.has(response.status)) return undefined;
  // Without credentials only these subjects are refused: GitLab's token service refuses what anonymous users may not read.
  if (authorization === undefined && (response.status === 401 || response.status === 403))
    throw new RegistryError('forbidden', 'the token service requires credentials for this', url, response);
  const token = readToken(url, response, requestedAt);
  return mayShrink && token.authorization.length > LONGEST_TOKEN ? undefined : token;
}

/** Only `pull` is requested: GitLab drops `*` without granting `pull` instead, and `push` would create the repository. */
export function scopeOf(subject: TokenSubject): string {
  return subject === CATALOG ? 'registry:catalog:*' : `repository:${subject}:pull`;
}

const tokenResponse = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().positive().optional(),
});

const tokenClaims = z.object({
  iat: z.number().optional(),
  exp: z.number().optional(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()).nullable() })).optional(),
});

function readToken(url: URL, response: HttpResponse, requestedAt: number): RegistryToken {
  if (response.status !== 200) throw new RegistryError('unavailable', refusal(response.status), url, response);
  const parsed = tokenResponse.safeParse(parseJson(response.body));
  const value = parsed.data?.token || parsed.data?.access_token;
  if (value === undefined || value === '') {
    throw new RegistryError('unavailable', 'the response of the token service contains no token', url, response);
  }
  const claims = readClaims(value);
  // The lifetime is the difference of two times of the token service, because its clock may differ from ours.
  const lifeMs =
    claims?.exp !== undefined && claims.iat !== undefined
      ? (claims.exp - claims.iat) * 1000
      : (parsed.data?.expires_in ?? 0) * 1000 || DEFAULT_LIFE_MS;
  return {
    authorization: `Bearer ${value}`,
    renewAt: requestedAt + lifeMs * RENEW_AFTER_SHARE_OF_LIFE,
    grants: claims?.access && new Set(claims.access.flatMap(grantedScope)),
  };
}

function refusal(status: number): string {
  if (status === 401) return 'the token service rejects the user name or the access token';
  if (status === 403) return 'the token service denies access, or has temporarily banned this address';
  if (status === 404) return 'the token service does not know the service that the registry names';
  return `the token service answered with status ${status}`;
}

/** Reads the claims of a token. They are a hint only: the registry verifies the signature. Undefined if it is not a JWT. */
function readClaims(token: string): z.infer<typeof tokenClaims> | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  return tokenClaims.safeParse(parseJson(Buffer.from(payload, 'base64url'))).data;
}

function grantedScope({ type, name, actions }: { type: string; name: string; actions: string[] | null }): string[] {
  if (type === 'registry') return actions?.includes('*') ? [`registry:${name}:*`] : [];
  return actions?.some((action) => action === 'pull' || action === '*') ? [`${type}:${name}:pull`] : [];
}
