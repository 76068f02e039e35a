import type { RepositoryName } from '../domain/names.ts';

/** Decides which record is saved if two crawls read the same repository at once: the one whose reading began later. */
export interface ReadingOrder {
  /** Returns the number of a reading that begins now. */
  begin(): number;
  /** Returns whether no reading that began later has asked this for the repository before. */
  isLatest(name: RepositoryName, reading: number): boolean;
}

export function createReadingOrder(): ReadingOrder {
  let count = 0;
  const latest = new Map<RepositoryName, number>();
  return {
    begin: () => ++count,
    isLatest(name, reading) {
      if ((latest.get(name) ?? 0) > reading) return false;
      latest.set(name, reading);
      return true;
    },
  };
}
