import type { StoreFailure } from '../ports.ts';

/** The store cannot be opened, read or written, or contains data that it should not. */
export class StoreError extends Error implements StoreFailure {
  override readonly name = 'StoreError';
  readonly kind = 'store';
  readonly reason: string;

  /**
   * @param reason what is wrong and what to do, without the location
   * @param location the file or address of the store, for the log
   */
  constructor(reason: string, location: string, options: ErrorOptions = {}) {
    super(`${reason} (${location})`, options);
    this.reason = reason;
  }
}
