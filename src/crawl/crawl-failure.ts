import type { CrawlFailureKind, RegistryFailure } from '../ports.ts';
import { EmptyRegistryError } from './empty-guard.ts';

const NO_FAILURES: Readonly<Record<CrawlFailureKind, number>> = {
  forbidden: 0,
  unreadable: 0,
  unsupported: 0,
  unavailable: 0,
  store: 0,
  emptied: 0,
  unexpected: 0,
};

/** A count for each kind, to begin with. */
export function noFailures(): Record<CrawlFailureKind, number> {
  return { ...NO_FAILURES };
}

/** Why a collection failed, by what was thrown. */
export function failureKindOf(error: unknown): CrawlFailureKind {
  if (error instanceof EmptyRegistryError) return 'emptied';
  const { kind } = error as { readonly kind?: unknown };
  return Object.hasOwn(NO_FAILURES, String(kind)) ? (kind as CrawlFailureKind) : 'unexpected';
}

/** What is said of a failure to those who ask; where it happened is for the log. */
export function failureReasonOf(error: unknown): string {
  if (error instanceof EmptyRegistryError) return error.message;
  return (error as Partial<RegistryFailure>).reason ?? 'an unexpected error, which the log names';
}
