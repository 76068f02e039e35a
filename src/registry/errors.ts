import type { RegistryFailure, RegistryFailureKind } from '../ports.ts';

/** A registry or token service that answered wrongly, or not at all. `url` carries no query and no credentials: that is where secrets live. */
export class RegistryError extends Error implements RegistryFailure {
  override readonly name = 'RegistryError';
  readonly kind: RegistryFailureKind;
  readonly url: string;
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;

  constructor(kind: RegistryFailureKind, what: string, url: URL, options: ErrorOptions & { status?: number } = {}) {
    super(`${what} (${url.origin}${url.pathname})`, options);
    this.kind = kind;
    this.url = url.origin + url.pathname;
    this.status = options.status;
  }
}
