import { isDeepStrictEqual } from 'node:util';
import type { RepositoryRecord } from '../domain/snapshot/repository-record.ts';

/** Returns whether every part of the repository could be read. If not, a resumed crawl reads it again. */
export function isComplete({ content, failure }: RepositoryRecord): boolean {
  if (content === undefined || failure !== undefined) return false;
  const { tags, cut, referrers } = content;
  return (
    cut === undefined &&
    tags.every(({ digest }) => digest !== undefined) &&
    referrers.every((one) => one.referrers !== null)
  );
}

/** Returns whether two records differ at most in the time when they were read. */
export function areSame(a: RepositoryRecord, b: RepositoryRecord): boolean {
  return isDeepStrictEqual(withoutTime(a), withoutTime(b));
}

function withoutTime({ content, failure }: RepositoryRecord): object {
  return { failure, content: content && { ...content, readAt: 0 } };
}
