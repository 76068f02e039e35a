import type { SteadyClock } from '../../ports.ts';
import type { Credentials } from './credentials.ts';
import type { TokenGate } from './token-gate.ts';

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
}
