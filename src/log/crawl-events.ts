import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { formatRfc3339 } from '../lib/rfc3339.ts';
import type { CrawlStatus, StoreFailure } from '../ports.ts';
import type { Logger } from './log.ts';
import { failureFields, messageOf } from './message.ts';

/* The log lines about crawls: a short constant message, and the facts as fields. */

/** Of many gaps, only the first ones are logged; `/gaps` lists all. */
const LOGGED_GAPS = 100;
const LOGGED_NAMES = 10;

/** Requests that the registry client has sent, and how many it may send at once now. */
export interface RequestCounts {
  requestsCount(): number;
  concurrency(): number;
}

/** Returns the report of the crawl scheduler. */
export function crawlEvents(log: Logger, requests: RequestCounts, hasSnapshot: () => boolean) {
  let requestsBefore = 0;
  return {
    started(): void {
      requestsBefore = requests.requestsCount();
      log.info('crawl started');
    },
    finished({ startedAt, finishedAt, repositories, gaps }: Snapshot): void {
      for (const gap of gaps.slice(0, LOGGED_GAPS)) log.warn({ gap }, 'gap found');
      const facts = {
        repositories: repositories.length,
        tags: repositories.reduce((sum, { tags }) => sum + tags.length, 0),
        requests: requests.requestsCount() - requestsBefore,
        seconds: (finishedAt - startedAt) / 1000,
        gaps: gaps.length,
      };
      log.info(facts, 'crawl finished');
    },
    notCompleted(error: unknown): void {
      log.warn(failureFields(error), 'configs not read, will retry after the next crawl');
    },
    failed(error: unknown, retryAt: number): void {
      const facts = { ...failureFields(error), retryAt: formatRfc3339(retryAt), hasSnapshot: hasSnapshot() };
      log.error(facts, 'crawl failed');
    },
  };
}

/** Logs how far the running crawl has come, if one is running. */
export function logCrawlProgress(log: Logger, { running }: CrawlStatus, requests: RequestCounts): void {
  if (running === undefined) return;
  const counts = { requests: running.requestsCount, concurrency: requests.concurrency() };
  const { heldUp } = running;
  const wait = heldUp && { heldUpSince: formatRfc3339(heldUp.since), heldUpUntil: formatRfc3339(heldUp.until) };
  log.debug({ ...running.progress, ...counts, ...wait }, 'crawl progress');
}

/** Returns the report of the recrawl queue. */
export function recrawlEvents(log: Logger) {
  return {
    recrawled: (names: ReadonlySet<string>): void => log.info(some(names), 'repositories read after notification'),
    failed: (names: ReadonlySet<string>, error: unknown): void =>
      log.error({ ...some(names), ...failureFields(error) }, 'repositories not read after notification, will retry'),
    pullsNotSaved: (error: unknown): void => log.error({ reason: messageOf(error) }, 'pull times not stored'),
  };
}

function some(names: ReadonlySet<string>): object {
  return { repositories: [...names].slice(0, LOGGED_NAMES), count: names.size };
}

/** Returns the report of the snapshots. */
export function snapshotEvents(log: Logger) {
  return {
    notLoaded: ({ message }: StoreFailure): void =>
      log.error({ reason: message }, 'last snapshot not loaded, the next crawl replaces it'),
    pullsThrough: (): void =>
      log.warn(
        { advice: 'exclude it, or see [registry] pull_through_cache in docs/configuration.md' },
        'registry is a pull-through cache: it stores what crawls read, and the figures cannot be verified',
      ),
    notSaved: ({ message }: StoreFailure): void => log.error({ reason: message }, 'snapshot not stored'),
  };
}
