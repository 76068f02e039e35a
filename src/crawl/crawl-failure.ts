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

/** Returns a count of 0 for every kind of failure. */
export function noFailures(): Record<CrawlFailureKind, number> {
  return { ...NO_FAILURES };
}

/** Returns why a crawl failed, given the error that it threw. */
export function failureKindOf(error: unknown): CrawlFailureKind {
  if (error instanceof EmptyRegistryError) return 'emptied';
  const { kind } = error as { readonly kind?: unknown };
  return Object.hasOwn(NO_FAILURES, String(kind)) ? (kind as CrawlFailureKind) : 'unexpected';
}

/** Returns the text about a failure that API clients may see. Only the log contains addresses and paths. */
export function failureReasonOf(error: unknown): string {
  if (error instanceof EmptyRegistryError) return error.message;
  return (error as Partial<RegistryFailure>).reason ?? 'unexpected error: see the log of the service';
}
