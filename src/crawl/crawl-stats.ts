import type { Clock, CrawlFailureKind, CrawlProgress, CrawlStats, SteadyClock } from '../ports.ts';
import { noFailures } from './crawl-failure.ts';
import { noProgress } from './progress.ts';

interface TallyOptions {
  readonly clock: Clock;
  readonly steadyClock: SteadyClock;
  readonly requestsCount: () => number;
}

/** Adds up what the collections come to, one after the other. */
export function createCrawlStats({ clock, steadyClock, requestsCount }: TallyOptions) {
  const failedCounts = noFailures();
  const before = { repositoriesRead: 0, tagsRead: 0 };
  let latest: Readonly<CrawlProgress> = noProgress();
  let succeededCount = 0;
  let startedAt = 0;
  let lastStartedAt: number | undefined;
  let lastDurationMs: number | undefined;
  return {
    /** @param progress goes on counting */
    started(progress: Readonly<CrawlProgress>): void {
      before.repositoriesRead += latest.repositoriesRead;
      before.tagsRead += latest.tagsRead;
      latest = progress;
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
    soFar: (): CrawlStats => ({
      requestsCount: requestsCount(),
      succeededCount,
      failedCounts,
      repositoriesRead: before.repositoriesRead + latest.repositoriesRead,
      tagsRead: before.tagsRead + latest.tagsRead,
      lastStartedAt,
      lastDurationMs,
    }),
  };
}
