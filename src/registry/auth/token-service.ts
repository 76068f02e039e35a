import type { RepositoryName } from '../../domain/names.ts';
import type { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import type { RegistryToken, TokenLessons, TokenServiceOptions } from './registry-token.ts';
import { isGranted } from './token-grants.ts';
import { createTokenGroups, type Group } from './token-groups.ts';
import { scopeOf, type TokenSubject } from './token-scope.ts';

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

export function createTokenService(http: HttpClient, options: TokenServiceOptions): TokenService {
  const { lessons, steadyClock } = options;
  const groups = createTokenGroups(http, options);
  /** Those whose shared token was refused, or does not list them. */
  const separated = new Map<TokenSubject, 'refused' | 'unlisted'>();
  const renewed = new Set<TokenSubject>();
  const judge = createSharingJudge(lessons);

  const isMissing = (token: RegistryToken, subject: TokenSubject): boolean =>
    lessons.areClaimsIncomplete !== true && token.grants !== undefined && !isGranted(token.grants, scopeOf(subject));

  return {
    expect: groups.expect,
    tokenFor: groups.tokenFor,
    refuse: groups.refuse,
    isMissing,
    separate(subject) {
      const group = groups.of(subject);
      if (group === undefined || group.subjects.length === 1) return;
      const { current } = group;
      separated.set(subject, current !== undefined && isMissing(current, subject) ? 'unlisted' : 'refused');
      groups.together([subject]);
    },
    accepted(subject, token) {
      if (token.isShared) return judge.accepted(groups.of(subject), subject);
      const isUnlisted = isMissing(token, subject);
      if (isUnlisted) lessons.areClaimsIncomplete = true;
      const why = separated.get(subject);
      if (why === undefined) return;
      separated.delete(subject);
      // If its own token does not list the subject either, the list of the shared one has shown nothing.
      if (why === 'refused' || !isUnlisted) judge.failed();
    },
    mayHaveExpired(subject, { isShared }, error) {
      const hasWorked = groups.of(subject)?.firstAccepted !== undefined;
      if (!isShared || renewed.has(subject) || (error !== 'invalid_token' && !hasWorked)) return false;
      renewed.add(subject);
      return true;
    },
    deny(subject, token, denial) {
      const group = groups.of(subject);
      if (group?.current === token) group.denial = denial;
    },
    denialOf(subject) {
      const group = groups.of(subject);
      const isValid = group?.current !== undefined && steadyClock() < group.current.renewAt;
      return isValid ? group.denial : undefined;
    },
  };
}

/** Finds out whether repositories can share tokens. */
function createSharingJudge(lessons: TokenLessons) {
  /** Set once the registry has accepted a shared token for two repositories. */
  let isProven = false;
  return {
    accepted(group: Group | undefined, subject: TokenSubject): void {
      if (isProven || group === undefined) return;
      group.firstAccepted ??= subject;
      isProven = group.firstAccepted !== subject;
    },
    /** Reports that a repository needed a token of its own. If others do not, its rights have changed meanwhile. */
    failed(): void {
      if (!isProven) lessons.isSharingUseless = true;
    },
  };
}
