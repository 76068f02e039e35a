import type { RegistryFailure, RegistryFailureKind } from '../ports.ts';

/** A registry or token service that answered wrongly, or not at all. `url` carries no query and no credentials: that is where secrets live. */
export class RegistryError extends Error implements RegistryFailure {
  override readonly name = 'RegistryError';
  readonly kind: RegistryFailureKind;
  readonly url: string;
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  readonly reason: string;

  constructor(kind: RegistryFailureKind, what: string, url: URL, options: ErrorOptions & { status?: number } = {}) {
    super(`${what} (${url.origin}${url.pathname})`, options);
    this.kind = kind;
    this.reason = what;
    this.url = url.origin + url.pathname;
    this.status = options.status;
  }

  /** The same failure, where it means more or less than one answer. */
  as(kind: RegistryFailureKind): RegistryError {
    return this.#changed(kind, this.reason);
  }

  /** The same failure, told by somebody who knows more. */
  because(reason: string): RegistryError {
    return this.#changed(this.kind, reason);
  }

  #changed(kind: RegistryFailureKind, reason: string): RegistryError {
    const status = this.status === undefined ? {} : { status: this.status };
    return new RegistryError(kind, reason, new URL(this.url), { cause: this.cause, ...status });
  }
}
