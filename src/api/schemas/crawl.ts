/* Gaps, the state of the crawl, and the health of the service. */

import { z } from 'zod';
import {
  complete,
  configsPending,
  count,
  digest,
  garbageCollector,
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
    repository: text(
      'The name of the repository as the registry spells it. If the name is not valid, that is the gap. Null if the gap concerns the registry itself, such as a list of repositories that could not be read to its end.',
    ).nullable(),
    reference: text(
      'The tag or digest; null if the gap concerns the whole repository, or the list of repositories.',
    ).nullable(),
    code: z.enum(['forbidden', 'missing', 'unsupported', 'unreadable', 'unverified']),
    reason: text('The reason, for people.'),
    stale_since: staleSince,
    ...failedRequest,
  })
  .describe('Something that the last crawl could not read.');
export type GapOfList = Lazily<z.output<typeof gap>>;

export const gaps = z
  .strictObject({
    timestamp,
    complete,
    gaps_count: count('The number of gaps.'),
    ...pageState,
    gaps: z.array(gap),
    _links: z.strictObject({ ...pageLinks, up: link }).optional(),
  })
  .describe('The gaps: what the last crawl could not read.');
export type Gaps = Lazily<z.output<typeof gaps>>;

const running = z.strictObject({
  started_at: time('When the crawl started.'),
  seconds: z.number().min(0).describe('How long the crawl has been running, in seconds.'),
  requests_count: count('The number of requests so far to the registry, to its token service, and to GitLab.'),
  requests_per_second: z.number().min(0).nullable(),
  repositories_found: count('The number of repositories found so far.'),
  repositories_read: count('The number of repositories read so far.'),
  repositories_kept: count('The number of repositories that an interrupted crawl had already read.'),
  tags_found: count('The number of tags found so far.'),
  tags_read: count('The number of tags read so far.'),
  held_up: z
    .strictObject({
      since: time('When the first of the waiting requests was refused. No request has succeeded since.'),
      until: time('When the service sends the last of them again.'),
    })
    .nullable()
    .describe(
      'Set while the registry, its token service or GitLab answer that there are too many requests; null while requests succeed.',
    ),
});
export type Running = Lazily<z.output<typeof running>>;

const hazard = z
  .strictObject({
    destroys: z.enum(['untagged children of indexes', 'untagged grandchildren of indexes']),
    tags_count: count('The number of tags of indexes that would lose manifests.'),
    manifests_count: count('The number of manifests that would be destroyed, each counted once per repository.'),
    examples: z
      .array(
        z.strictObject({
          repository: text('The name of the repository.'),
          tag: text('The name of the tag.'),
          digest: digest('The digest of the index.'),
          manifests_count: count('The number of manifests that this index would lose.'),
        }),
      )
      .describe('The first 20 of the tags.'),
  })
  .describe(
    'What a run of the garbage collector would destroy although tags contain it; null if that is nothing. The figures count it as kept.',
  );

export const crawl = z
  .strictObject({
    state: z.enum(['waiting', 'starting', 'running']),
    running: running.nullable().describe('The progress of the running crawl; null if none is running.'),
    last_failure: z
      .strictObject({ at: time('The time of the failure.'), reason: text('The reason, for people.'), ...failedRequest })
      .nullable()
      .describe('The failure of the last crawl; null if it succeeded.'),
    last_finished_at: time('When the last successful crawl finished; null if there was none.').nullable(),
    next_at: time('When the next crawl starts; null while one is running.').nullable(),
    noticed_repositories_count: count('The number of repositories that are read again soon because of notifications.'),
    pull_through_cache: z
      .boolean()
      .describe(
        'True if the registry is known to be a pull-through cache: it names blobs that it may not store, and stores what crawls read.',
      ),
    snapshot: snapshotId.nullable(),
    complete,
    gaps_count: count('The number of gaps of that snapshot.').nullable(),
    stale_repositories_count: count('The number of stale repositories of that snapshot.').nullable(),
    configs_pending: configsPending.nullable(),
    garbage_collector: garbageCollector.extend({ hazard: hazard.nullable() }).nullable(),
    _links: z.strictObject({ self: link, gaps: link }),
  })
  .describe('The state of the crawl: its progress, the last failure, and when the next one starts.');
export type Crawl = Lazily<z.output<typeof crawl>>;

export const live = z.strictObject({ status: z.literal('live') }).describe('The service is running.');
export type Live = z.output<typeof live>;

const checkStatus = z
  .enum(['pass', 'warn', 'fail'])
  .describe('`fail` makes the service not ready. `warn` is a failure while there is still a snapshot to serve.');
export const checks = z
  .strictObject({
    snapshot: z.strictObject({
      status: checkStatus,
      taken_at: time('When the crawl of the snapshot finished.').optional(),
      age_seconds: count('The age of the snapshot, in seconds.').optional(),
    }),
    collection: z.strictObject({
      status: checkStatus,
      running_since: time('When the running crawl started; null if none is running.').nullable(),
      last_failure: z
        .strictObject({
          at: time('The time of the failure.'),
          kind: text('The kind of the failure.'),
          reason: text('The reason, for people.'),
        })
        .nullable(),
      next_at: time('When the next crawl starts; null while one is running.').nullable(),
    }),
    store: z.strictObject({ status: checkStatus }),
  })
  .describe('The checks of the service.');
export type Checks = Lazily<z.output<typeof checks>>;

export const ready = z
  .strictObject({ status: z.literal('ready'), checks })
  .describe('The service has a snapshot to serve.');
export type Ready = Lazily<z.output<typeof ready>>;
