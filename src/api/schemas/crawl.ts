/* What collections could not read, how they go, and whether the service is well. */

import { z } from 'zod';
import {
  complete,
  count,
  type Lazily,
  link,
  pageLinks,
  pageState,
  snapshotId,
  staleSince,
  text,
  time,
  timestamp,
} from './schema-parts.ts';

/** The request that failed, as flat fields: CSV has the same columns. */
const failedRequest = {
  request_method: text('The method of the request that failed; null if no single request caused this.').nullable(),
  request_path: text('The path of its URL.').nullable(),
  response_status: z.int().nullable().describe('The HTTP status of the response; null if there was none.'),
  registry_code: text('The error code in the response; null if it contains none.').nullable(),
  registry_message: text('The error message in the response, shortened; null if it contains none.').nullable(),
};

export const gap = z
  .strictObject({
    repository: text('As the registry writes it: it may be no legal name, and that the gap.'),
    reference: text('The tag or digest; null where the whole repository could not be read.').nullable(),
    code: z.enum(['forbidden', 'missing', 'unsupported', 'unreadable']),
    reason: text('The reason, for people.'),
    stale_since: staleSince,
    ...failedRequest,
  })
  .describe('Something that the last collection could not read.');
export type GapOfList = Lazily<z.output<typeof gap>>;

export const gaps = z
  .strictObject({
    timestamp,
    complete,
    gaps_count: count('How many there are.'),
    ...pageState,
    gaps: z.array(gap),
    _links: z.strictObject({ ...pageLinks, up: link }).optional(),
  })
  .describe('What the last collection could not read.');
export type Gaps = Lazily<z.output<typeof gaps>>;

const running = z.strictObject({
  started_at: time('When it began.'),
  seconds: z.number().min(0).describe('For how long it has been running.'),
  requests_count: count('Requests to the registry and whoever gives out names and tokens for it.'),
  requests_per_second: z.number().min(0).nullable(),
  repositories_found: count('Repositories that were found so far.'),
  repositories_read: count('Those that were read.'),
  repositories_kept: count('Those that had been read before the collection was interrupted.'),
  tags_found: count('Tags that were found so far.'),
  tags_read: count('Those that were read.'),
});
export type Running = Lazily<z.output<typeof running>>;

export const crawl = z
  .strictObject({
    state: z.enum(['waiting', 'starting', 'running']),
    running: running.nullable().describe('How far it is; null while none is under way.'),
    last_failure: z
      .strictObject({ at: time('The time of the failure.'), reason: text('The reason, for people.'), ...failedRequest })
      .nullable()
      .describe('The failure of the last crawl; null if it succeeded.'),
    last_finished_at: time('When the last one succeeded; null where none has.').nullable(),
    next_at: time('When the next one starts; null while one is under way.').nullable(),
    noticed_repositories_count: count('Repositories about to be read again, since the registry told of changes.'),
    snapshot: snapshotId.nullable(),
    complete,
    gaps_count: count('Of the snapshot that is shown.').nullable(),
    stale_repositories_count: count('Of the snapshot that is shown.').nullable(),
    _links: z.strictObject({ self: link, gaps: link }),
  })
  .describe('The collection: what goes on, how the last one went, when the next one is.');
export type Crawl = Lazily<z.output<typeof crawl>>;

export const live = z.strictObject({ status: z.literal('live') }).describe('The service answers.');
export type Live = z.output<typeof live>;

const checkStatus = z.enum(['pass', 'warn', 'fail']).describe('warn: wrong, but there still is a snapshot.');
export const checks = z
  .strictObject({
    snapshot: z.strictObject({
      status: checkStatus,
      taken_at: time('When the collection of it finished.').optional(),
      age_seconds: count('How long ago that was.').optional(),
    }),
    collection: z.strictObject({
      status: checkStatus,
      running_since: time('Null while none is under way.').nullable(),
      last_failure: z
        .strictObject({ at: time('When it failed.'), kind: text('Of which kind it was.'), reason: text('For people.') })
        .nullable(),
      next_at: time('Null while one is under way.').nullable(),
    }),
    store: z.strictObject({ status: checkStatus }),
  })
  .describe('What was looked at.');
export type Checks = Lazily<z.output<typeof checks>>;

export const ready = z
  .strictObject({ status: z.literal('ready'), checks })
  .describe('There is something to answer from.');
export type Ready = Lazily<z.output<typeof ready>>;
