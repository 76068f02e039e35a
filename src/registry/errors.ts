import type { FailedRequest } from '../domain/snapshot/snapshot.ts';
import type { RegistryFailure, RegistryFailureKind } from '../ports.ts';
import { type RegistryMessage, registryMessageOf } from './registry-message.ts';
import type { HttpResponse } from './transport/send-once.ts';

/** Where an error comes from: a response, or a request that got none. */
type Origin = Partial<Pick<HttpResponse, 'status' | 'body' | 'request'>> & ErrorOptions;

/**
 * A registry, token service or GitLab that answered wrongly, or not at all. `url` has no query and no user info: secrets live there. The registry's own
 * code and message are bounded and contain none of the credentials that the request carried.
 */
export class RegistryError extends Error implements RegistryFailure {
  override readonly name = 'RegistryError';
  readonly kind: RegistryFailureKind;
  readonly reason: string;
  readonly method: string;
  readonly url: string;
  /** The HTTP status; undefined if there was no response. */
  readonly status: number | undefined;
  readonly registryCode: string | undefined;
  readonly registryMessage: string | undefined;

  constructor(kind: RegistryFailureKind, reason: string, url: URL, origin: Origin = {}) {
    super(`${reason} (${url.origin}${url.pathname})`, { cause: origin.cause });
    const { code, message } = registryMessageOf(origin);
    this.kind = kind;
    this.reason = reason;
    this.method = origin.request?.method ?? 'GET';
    this.url = url.origin + url.pathname;
    this.status = origin.status;
    this.registryCode = code;
    this.registryMessage = message;
  }

  /** The request for readers who must not see internal host names: its path only. */
  get request(): FailedRequest {
    const { method, url, status = null, registryCode = null, registryMessage = null } = this;
    return { method, path: new URL(url).pathname, status, registryCode, registryMessage };
  }

  /** Returns the same failure with another kind: for a request on which all others depend. */
  as(kind: RegistryFailureKind): RegistryError {
    return this.#with(kind, this.reason);
  }

  /** Returns the same failure with a reason from a caller that knows more. */
  because(reason: string): RegistryError {
    return this.#with(this.kind, reason);
  }

  #with(kind: RegistryFailureKind, reason: string): RegistryError {
    const changed = new RegistryError(kind, reason, new URL(this.url), { cause: this.cause });
    const said: RegistryMessage = { code: this.registryCode, message: this.registryMessage };
    return Object.assign(changed, {
      method: this.method,
      status: this.status,
      registryCode: said.code,
      registryMessage: said.message,
    });
  }
}
