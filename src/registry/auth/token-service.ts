import { byName, type RepositoryName } from '../../domain/names.ts';
import { createSingleFlight, type SingleFlight } from '../../lib/single-flight.ts';
import type { SteadyClock } from '../../ports.ts';
import type { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import type { Credentials } from './credentials.ts';
import type { TokenGate } from './token-gate.ts';
import { isGranted } from './token-grants.ts';
import { createTokenRequests } from './token-request.ts';
import { scopeOf, type TokenSubject } from './token-scope.ts';

export interface TokenServiceOptions extends Credentials {
  readonly realm: URL;
  /** Undefined if the registry names none. */
  readonly service: string | undefined;
  readonly tokenOrigins: readonly string[];
  readonly steadyClock: SteadyClock;
  /** Outlives the tokens, so that a refusal is remembered longer. */
  readonly gate: TokenGate;
  /** Outlives the tokens, so that a crawl begins with what the last one has learned. */
  readonly lessons: TokenLessons;
}

/** What the answers of a registry have shown about its token service. */
export interface TokenLessons {
  /** Set if the token service looks at only one of several scopes: then no repositories share a token. */
  isSharingUseless?: boolean;
  /** Set if the registry accepts tokens for more than they list: then they are sent without looking at the list. */
  areClaimsIncomplete?: boolean;
  /** Set if the token service rejects the scope of the catalogue: then a token without a scope is requested. */
  hasNoCatalogueScope?: boolean;
}

/** A bearer token for the registry. `grants` is undefined if the token does not list them. */
export interface RegistryToken {
  /** The header value, built once: tokens are long, and a crawl sends one with every request. */
  readonly authorization: string;
  /** By the steady clock. */
  readonly renewAt: number;
  readonly grants: readonly string[] | undefined;
  /** Whether it was requested for several repositories. */
  readonly isShared: boolean;
  /** Whether it replaces one that the registry has refused. */
  readonly isRenewed: boolean;
}

/** The tokens of a crawl: several repositories share a token, each token is requested once at a time and renewed before it expires. */
export interface TokenService {
  /** Announces repositories that will be read soon, so that they share tokens. */
  expect(repositories: readonly RepositoryName[]): void;
  tokenFor(subject: TokenSubject, signal: AbortSignal): Promise<RegistryToken>;
  /** Returns whether a token lists what it grants, and this subject is not in the list. */
  isMissing(token: RegistryToken, subject: TokenSubject): boolean;
  /** Requests a token for this subject alone from now on. */
  separate(subject: TokenSubject): void;
  /** Reports that the registry has accepted this token. */
  accepted(subject: TokenSubject, token: RegistryToken): void;
  /** Returns whether a refusal of a shared token may mean that it is no longer valid; once per subject. */
  mayHaveExpired(subject: TokenSubject, token: RegistryToken, error: string | undefined): boolean;
  /** Reports that the registry has refused this token, so that it is not used again. */
  refuse(subject: TokenSubject, token: RegistryToken): void;
  /** Reports that the registry has refused a token for this subject alone: that holds as long as the token would. */
  deny(subject: TokenSubject, token: RegistryToken, denial: RegistryError): void;
  denialOf(subject: TokenSubject): RegistryError | undefined;
}

/* A group of repositories shares a token:
 *
 *   scope=repository:a:pull&scope=repository:b:pull ...   at most 20, or the token exceeds the header buffer of a proxy
 *
 * A group whose token is still too long, or that the token service rejects, is split in half. */
const GROUP_SIZE = 20;

interface Group {
  readonly subjects: readonly TokenSubject[];
  /** Resolves to undefined if the group has been split. */
  readonly token: SingleFlight<RegistryToken | undefined>;
  /** The value of `token`. A late refusal of an earlier token does not change it. */
  current?: RegistryToken | undefined;
  /** Set after the registry has refused a token. */
  isRenewed?: boolean;
  /** The subject for which the registry first accepted a token of this group. */
  firstAccepted?: TokenSubject;
  denial?: RegistryError | undefined;
}

export function createTokenService(http: HttpClient, options: TokenServiceOptions): TokenService {
  const { lessons, steadyClock } = options;
  const groups = new Map<TokenSubject, Group>();
  /** Those whose shared token was refused or does not list them, and whether the registry was asked with it. */
  const separated = new Map<TokenSubject, 'refused' | 'unlisted'>();
  const renewed = new Set<TokenSubject>();
  /** Set once the registry has accepted a shared token for two repositories. */
  let isSharingProven = false;
  const requests = createTokenRequests(http, options);

  function groupTogether(subjects: readonly TokenSubject[]): Group {
    const group: Group = { subjects, token: createSingleFlight() };
    for (const subject of subjects) groups.set(subject, group);
    return group;
  }

  async function fetchToken(group: Group, signal: AbortSignal): Promise<RegistryToken | undefined> {
    const { subjects, isRenewed = false } = group;
    const found = await options.gate.ask(signal, () => requests.ask(subjects, signal));
    if (typeof found === 'object') {
      group.current = { ...found, isShared: subjects.length > 1, isRenewed };
      return group.current;
    }
    group.current = undefined;
    if (found === 'denied') {
      for (const subject of subjects) groupTogether([subject]);
      return undefined;
    }
    const middle = Math.ceil(subjects.length / 2);
    groupTogether(subjects.slice(0, middle));
    groupTogether(subjects.slice(middle));
    return undefined;
  }

  function forget(group: Group): void {
    group.current = undefined;
    group.denial = undefined;
    group.token.forget();
  }

  function groupOf(subject: TokenSubject): Group {
    const group = groups.get(subject);
    if (group === undefined || (lessons.isSharingUseless === true && group.subjects.length > 1))
      return groupTogether([subject]);
    return group;
  }

  const isMissing = (token: RegistryToken, subject: TokenSubject): boolean =>
    lessons.areClaimsIncomplete !== true && token.grants !== undefined && !isGranted(token.grants, scopeOf(subject));

  return {
    expect(repositories) {
      const fresh = repositories.filter((name) => !groups.has(name)).sort(byName);
      const size = lessons.isSharingUseless === true ? 1 : GROUP_SIZE;
      for (let at = 0; at < fresh.length; at += size) groupTogether(fresh.slice(at, at + size));
    },
    async tokenFor(subject, signal) {
      // The group may be split while this waits. Then the subject has another group, and the loop asks again.
      for (;;) {
        const group = groupOf(subject);
        if (group.current !== undefined && steadyClock() >= group.current.renewAt) forget(group);
        const token = await group.token.ask(signal, (asked) => fetchToken(group, asked));
        if (token !== undefined) return token;
      }
    },
    isMissing,
    separate(subject) {
      const group = groups.get(subject);
      if (group === undefined || group.subjects.length === 1) return;
      const { current } = group;
      separated.set(subject, current !== undefined && isMissing(current, subject) ? 'unlisted' : 'refused');
      groupTogether([subject]);
    },
    accepted(subject, token) {
      const group = groups.get(subject);
      if (token.isShared) {
        if (isSharingProven || group === undefined) return;
        group.firstAccepted ??= subject;
        isSharingProven = group.firstAccepted !== subject;
        return;
      }
      const isUnlisted = isMissing(token, subject);
      const why = separated.get(subject);
      if (isUnlisted) lessons.areClaimsIncomplete = true;
      if (why === undefined) return;
      separated.delete(subject);
      // If its own token does not list the subject either, the list of the shared one has shown nothing.
      if (!isSharingProven && (why === 'refused' || !isUnlisted)) lessons.isSharingUseless = true;
    },
    mayHaveExpired(subject, { isShared }, error) {
      const hasWorked = groups.get(subject)?.firstAccepted !== undefined;
      if (!isShared || renewed.has(subject) || (error !== 'invalid_token' && !hasWorked)) return false;
      renewed.add(subject);
      return true;
    },
    refuse(subject, token) {
      const group = groups.get(subject);
      if (group?.current !== token) return;
      forget(group);
      group.isRenewed = true;
    },
    deny(subject, token, denial) {
      const group = groups.get(subject);
      if (group?.current === token) group.denial = denial;
    },
    denialOf(subject) {
      const group = groups.get(subject);
      const isValid = group?.current !== undefined && steadyClock() < group.current.renewAt;
      return isValid ? group.denial : undefined;
    },
  };
}
