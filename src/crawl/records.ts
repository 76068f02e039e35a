import { isDeepStrictEqual } from 'node:util';
import type { RepositoryRecord } from '../domain/snapshot/repository-record.ts';

/** Whether all of it could be read. What could not be read is worth another try. */
export function isWhole({ reading, failure }: RepositoryRecord): boolean {
  if (reading === undefined || failure !== undefined) return false;
  const { tags, referrers } = reading;
  return tags.every(({ digest }) => digest !== undefined) && referrers.every((one) => one.referrers !== null);
}

/** Whether two records say the same, whenever they were read. */
export function areSame(one: RepositoryRecord, other: RepositoryRecord): boolean {
  return isDeepStrictEqual(withoutTime(one), withoutTime(other));
}

function withoutTime({ reading, failure }: RepositoryRecord): object {
  return { failure, reading: reading && { ...reading, readAt: 0 } };
}
