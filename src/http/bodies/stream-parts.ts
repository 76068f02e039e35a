import type { Readable } from 'node:stream';
import type { Resumable } from '../../lib/resumable.ts';
import type { BoundedWork, Job } from '../work/bounded-work.ts';
import { type ContentCoding, encoding, readParts } from './content-coding.ts';

export interface StreamPartsOptions {
  readonly work: BoundedWork;
  readonly job: Job;
  readonly coding: ContentCoding | undefined;
}

/**
 * Returns a stream of parts that are generated in time slices, no faster than the client reads, until the client disconnects.
 *
 * @param next generates the next part; undefined is the end
 */
export function streamParts(
  next: () => Resumable<Buffer | undefined>,
  { work, job, coding }: StreamPartsOptions,
): Readable {
  const close = work.openStream(job.key);
  const parts = generateParts(next, work, job);
  const stream = coding === undefined ? readParts(parts) : encoding(parts, coding);
  return stream.once('close', close);
}

async function* generateParts(
  next: () => Resumable<Buffer | undefined>,
  work: BoundedWork,
  job: Job,
): AsyncGenerator<Buffer, void> {
  for (;;) {
    const part = await work.runPart(next(), job);
    if (part === undefined) return;
    yield part;
  }
}
