import { byName, type RepositoryName } from '../../domain/names.ts';
import { createSingleFlight, type SingleFlight } from '../../lib/single-flight.ts';
import type { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import type { RegistryToken, TokenServiceOptions } from './registry-token.ts';
import { createTokenRequests } from './token-request.ts';
import type { TokenSubject } from './token-scope.ts';

/* A group of repositories shares a token:
 *
 *   scope=repository:a:pull&scope=repository:b:pull ...   at most 20, or the token exceeds the header buffer of a proxy
 *
 * A group whose token is still too long, or that the token service rejects, is split in half. */
const GROUP_SIZE = 20;

export interface Group {
  readonly subjects: readonly TokenSubject[];
  /** Resolves to undefined if the group has been split. */
  readonly token: SingleFlight<RegistryToken | undefined>;
  /** The value of `token`. A late refusal of an earlier token does not change it. */
  current?: RegistryToken | undefined;
  /** The subject for which the registry first accepted a token of this group. */
  firstAccepted?: TokenSubject;
  denial?: RegistryError | undefined;
}

/** The groups of a crawl: each token is requested once at a time and renewed before it expires. */
export interface TokenGroups {
  expect(repositories: readonly RepositoryName[]): void;
  /** Makes a group, whose subjects leave the groups in which they were. */
  together(subjects: readonly TokenSubject[]): Group;
  /** Undefined before the first token of the subject, unless it was announced. */
  of(subject: TokenSubject): Group | undefined;
  tokenFor(subject: TokenSubject, signal: AbortSignal): Promise<RegistryToken>;
  refuse(subject: TokenSubject, token: RegistryToken): void;
}

export function createTokenGroups(http: HttpClient, options: TokenServiceOptions): TokenGroups {
  const { lessons, steadyClock, gate } = options;
  const groups = new Map<TokenSubject, Group>();
  const requests = createTokenRequests(http, options);

  function together(subjects: readonly TokenSubject[]): Group {
    const group: Group = { subjects, token: createSingleFlight() };
    for (const subject of subjects) groups.set(subject, group);
    return group;
  }

  async function fetchToken(group: Group, signal: AbortSignal): Promise<RegistryToken | undefined> {
    const { subjects } = group;
    const found = await gate.ask(signal, () => requests.ask(subjects, signal));
    group.current = typeof found === 'object' ? { ...found, isShared: subjects.length > 1 } : undefined;
    if (typeof found === 'object') return group.current;
    const size = found === 'denied' ? 1 : Math.ceil(subjects.length / 2);
    for (let at = 0; at < subjects.length; at += size) together(subjects.slice(at, at + size));
    return undefined;
  }

  function groupOf(subject: TokenSubject): Group {
    const group = groups.get(subject);
    const isUseless = lessons.isSharingUseless === true && group !== undefined && group.subjects.length > 1;
    return group === undefined || isUseless ? together([subject]) : group;
  }

  return {
    expect(repositories) {
      const fresh = repositories.filter((name) => !groups.has(name)).sort(byName);
      const size = lessons.isSharingUseless === true ? 1 : GROUP_SIZE;
      for (let at = 0; at < fresh.length; at += size) together(fresh.slice(at, at + size));
    },
    together,
    of: (subject) => groups.get(subject),
    async tokenFor(subject, signal) {
      // The group may be split while this waits. Then the subject has another group, and the loop asks again.
      for (;;) {
        const group = groupOf(subject);
        if (group.current !== undefined && steadyClock() >= group.current.renewAt) forget(group);
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

function forget(group: Group): void {
  group.current = undefined;
  group.denial = undefined;
  group.token.forget();
}
