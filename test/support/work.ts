import { type BoundedWork, createBoundedWork, type Job } from '../../src/http/work/bounded-work.ts';

/** A job of alice, whose client stays. */
export const JOB: Job = { key: 'alice', signal: new AbortController().signal };

export function workOf(): BoundedWork {
  return createBoundedWork({ steadyClock: () => performance.now() });
}
