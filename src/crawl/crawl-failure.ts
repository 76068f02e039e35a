import type { CollectionFailureKind, RegistryFailure } from '../ports.ts';
import { EmptyRegistryError } from './empty-guard.ts';

const NO_FAILURES: Readonly<Record<CollectionFailureKind, number>> = {
  forbidden: 0,
  unreadable: 0,
  unsupported: 0,
  unavailable: 0,
  store: 0,
  emptied: 0,
  unexpected: 0,
};

/** A count for each kind, to begin with. */
export function noFailures(): Record<CollectionFailureKind, number> {
  return { ...NO_FAILURES };
}

/** Why a collection failed, by what was thrown. */
export function failureKindOf(error: unknown): CollectionFailureKind {
  if (error instanceof EmptyRegistryError) return 'emptied';
  const { kind } = error as { readonly kind?: unknown };
  return Object.hasOwn(NO_FAILURES, String(kind)) ? (kind as CollectionFailureKind) : 'unexpected';
}

/** What is said of a failure to those who ask; where it happened is for the log. */
export function failureReasonOf(error: unknown): string {
  if (error instanceof EmptyRegistryError) return error.message;
  return (error as Partial<RegistryFailure>).reason ?? 'an unexpected error, which the log names';
}
