import type { RepositoryName } from '../../domain/names.ts';

export type TokenSubject = RepositoryName | typeof CATALOG;
/** Stands for the list of all repositories, which only administrators may read. */
export const CATALOG = Symbol('catalog');

/** Only `pull` is requested: GitLab drops `*` without granting `pull` instead, and `push` would create the repository. */
export function scopeOf(subject: TokenSubject): string {
  return subject === CATALOG ? 'registry:catalog:*' : `repository:${subject}:pull`;
}
