import type { RepositoryName } from '../domain/names.ts';

/** Two crawls may read a repository at once: of two readings the one that began later stays. */
export interface ReadingOrder {
  begin(): number;
  /** Whether a reading that began so is the latest that there is by now. */
  isLatest(name: RepositoryName, begun: number): boolean;
}

export function createReadingOrder(): ReadingOrder {
  let count = 0;
  const latest = new Map<RepositoryName, number>();
  return {
    begin: () => ++count,
    isLatest(name, begun) {
      if ((latest.get(name) ?? 0) > begun) return false;
      latest.set(name, begun);
      return true;
    },
  };
}
