import type { RepositoryName, TagName } from '../domain/names.ts';
import type { Gap, GapCode } from '../domain/snapshot/snapshot.ts';
import type { RegistryFailure } from '../ports.ts';

/** The gap codes by kind of failure. Other failures are not about one question, and end the crawl. */
const GAP_CODES: Readonly<Record<string, GapCode>> = {
  forbidden: 'forbidden',
  unreadable: 'unreadable',
  unsupported: 'unsupported',
};

/** Returns the gap that a failed question leaves in the snapshot. Rethrows an error that must end the crawl. */
export function gapFrom(error: unknown, repository: RepositoryName, reference?: TagName): Gap {
  const { kind, reason, request } = error as Partial<RegistryFailure>;
  const code = GAP_CODES[kind ?? ''];
  if (code === undefined) throw error;
  return {
    repository,
    code,
    reason: reason ?? code,
    ...(reference !== undefined && { reference }),
    ...(request !== undefined && { request }),
  };
}

/** Returns undefined for a failed question, as for an absent answer. Rethrows an error that must end the crawl. */
export function unlessUnavailable(error: unknown): undefined {
  if (GAP_CODES[(error as Partial<RegistryFailure>).kind ?? ''] === undefined) throw error;
}
