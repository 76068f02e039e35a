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
  /** Outlives these tokens: a refusal is not forgotten with them. */
  readonly gate: TokenGate;
}

/** A bearer token as the registry wants it. `grants` is undefined where the token does not say what it grants. */
export interface RegistryToken {
  /** The header's value, put together once: a token is long, and a crawl sends it with every request. */
  readonly authorization: string;
  /** By the steady clock. */
  readonly renewAt: number;
  readonly grants: ReadonlySet<string> | undefined;
}

/** The tokens of a crawl: several repositories to a token, one request for each at a time, renewed before they end. */
export interface TokenService {
  /** Repositories that will be asked for soon: they share tokens. */
  expect(repositories: readonly RepositoryName[]): void;
  tokenFor(subject: TokenSubject, signal: AbortSignal): Promise<RegistryToken>;
  /** Says that the registry did not take that token, so that nobody uses it again. */
  refuse(subject: TokenSubject, token: RegistryToken): void;
}

export type TokenSubject = RepositoryName | typeof CATALOG;
/** Stands for the list of all repositories, which only administrators may ask for. */
export const CATALOG = Symbol('catalog');

/* A group of repositories shares a token:
 *
 *   scope=repository:a:pull&scope=repository:b:pull ...   at most 20, or the token outgrows a proxy's header buffer
 *
 * A group that still gives too long a token, or that the token service will not take, falls into halves. */
const GROUP_SIZE = 20;
const LONGEST_TOKEN = 6000;
const TOO_MUCH_ASKED: ReadonlySet<number> = new Set([400, 413, 414, 431, 502]);
/** The Docker token specification's life of a token that names none. */
const DEFAULT_LIFE_MS = 60_000;
const RENEW_AFTER_SHARE_OF_LIFE = 0.8;

interface Group {
  readonly subjects: readonly TokenSubject[];
  /** Comes to undefined where the group has fallen into halves. */
  readonly token: SingleFlight<RegistryToken | undefined>;
  /** What `token` came to; a later refusal of an earlier one changes nothing. */
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
      // A group may fall into halves while it is waited for: then the subject has another one, and is asked for again.
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

/** The token for a group, or undefined where that is too much to ask for at once. */
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
  const answer = await http.send(url, { method: 'GET', headers, signal, isVital: true }).catch(asOutage);
  const mayShrink = subjects.length > 1;
  if (mayShrink && TOO_MUCH_ASKED.has(answer.status)) return undefined;
  // Without credentials a refusal is one of what was asked for: GitLab's service says so where it is nothing that everybody may read.
  if (authorization === undefined && (answer.status === 401 || answer.status === 403))
    throw new RegistryError('forbidden', 'the token service grants nothing to those without credentials', url, answer);
  const token = readToken(url, answer, requestedAt);
  return mayShrink && token.authorization.length > LONGEST_TOKEN ? undefined : token;
}

/** Only `pull` is asked for: GitLab drops `*` without giving `pull` in its place, and a push would create the repository. */
export function scopeOf(subject: TokenSubject): string {
  return subject === CATALOG ? 'registry:catalog:*' : `repository:${subject}:pull`;
}

const tokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().positive().optional(),
});

const tokenClaims = z.object({
  iat: z.number().optional(),
  exp: z.number().optional(),
  access: z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()).nullable() })).optional(),
});

function readToken(url: URL, answer: HttpResponse, requestedAt: number): RegistryToken {
  if (answer.status !== 200) throw new RegistryError('unavailable', refusal(answer.status), url, answer);
  const parsed = tokenAnswer.safeParse(parseJson(answer.body));
  const value = parsed.data?.token || parsed.data?.access_token;
  if (value === undefined || value === '') {
    throw new RegistryError('unavailable', 'the response of the token service contains no token', url, answer);
  }
  const claims = readClaims(value);
  // The difference of the service's own times, since its clock may differ from ours.
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
  if (status === 401) return 'the token service refuses the user name or the access token';
  if (status === 403) return 'the token service denies access, or has banned this address for a while';
  if (status === 404) return 'the token service does not know the service that the registry names';
  return `the token service answered with status ${status}`;
}

/** What a token says of itself: a hint only, so its signature is the registry's business. Undefined where it is no JWT. */
function readClaims(token: string): z.infer<typeof tokenClaims> | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  return tokenClaims.safeParse(parseJson(Buffer.from(payload, 'base64url'))).data;
}

function grantedScope({ type, name, actions }: { type: string; name: string; actions: string[] | null }): string[] {
  if (type === 'registry') return actions?.includes('*') ? [`registry:${name}:*`] : [];
  return actions?.some((action) => action === 'pull' || action === '*') ? [`${type}:${name}:pull`] : [];
}
