import type { RepositoryName, TagName } from '../domain/names.ts';
import type { Gap, GapCode } from '../domain/snapshot/snapshot.ts';
import type { RegistryFailure } from '../ports.ts';

const GAP_CODES: Readonly<Record<string, GapCode>> = {
  forbidden: 'forbidden',
  unreadable: 'unreadable',
  unsupported: 'unsupported',
};

/** The gap that a failure leaves. Whatever is no failure of this one question ends the crawl. */
export function gapFrom(error: unknown, repository: RepositoryName, reference?: TagName): Gap {
  const { kind, reason } = error as Partial<RegistryFailure>;
  const code = GAP_CODES[kind ?? ''];
  if (code === undefined) throw error;
  return { repository, code, reason: reason ?? code, ...(reference !== undefined && { reference }) };
}

/** Takes a failure of this one question for "not there"; any other ends the crawl. */
export function unlessUnavailable(error: unknown): undefined {
  if (GAP_CODES[(error as Partial<RegistryFailure>).kind ?? ''] === undefined) throw error;
}
