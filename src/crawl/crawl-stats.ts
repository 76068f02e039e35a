import type { Clock, CrawlFailureKind, CrawlProgress, CrawlStats, SteadyClock } from '../ports.ts';
import { noFailures } from './crawl-failure.ts';

interface CrawlStatsOptions {
  readonly clock: Clock;
  readonly steadyClock: SteadyClock;
  readonly requestsCount: () => number;
}

/** Returns the progress of a crawl that has just begun. */
export function noProgress(): CrawlProgress {
  return { repositoriesFound: 0, repositoriesRead: 0, repositoriesKept: 0, tagsFound: 0, tagsRead: 0 };
}

/** Adds up the numbers of all crawls, of which only one runs at a time. */
export function createCrawlStats({ clock, steadyClock, requestsCount }: CrawlStatsOptions) {
  const failedCounts = noFailures();
  const earlier = { repositoriesRead: 0, tagsRead: 0 };
  let current: Readonly<CrawlProgress> = noProgress();
  let succeededCount = 0;
  let startedAt = 0;
  let lastStartedAt: number | undefined;
  let lastDurationMs: number | undefined;
  return {
    /** @param progress the object that the crawl updates as it goes on */
    started(progress: Readonly<CrawlProgress>): void {
      earlier.repositoriesRead += current.repositoriesRead;
      earlier.tagsRead += current.tagsRead;
      current = progress;
      startedAt = steadyClock();
      lastStartedAt = clock();
    },
    succeeded(): void {
      succeededCount++;
      lastDurationMs = steadyClock() - startedAt;
    },
    failed(kind: CrawlFailureKind): void {
      failedCounts[kind]++;
    },
    read: (): CrawlStats => ({
      requestsCount: requestsCount(),
      succeededCount,
      failedCounts,
      repositoriesRead: earlier.repositoriesRead + current.repositoriesRead,
      tagsRead: earlier.tagsRead + current.tagsRead,
      lastStartedAt,
      lastDurationMs,
    }),
  };
}
