import type { CrawlStats } from '../../src/ports.ts';

/** The numbers before the first crawl. */
export const NOTHING_CRAWLED: CrawlStats = {
  requestsCount: 0,
  succeededCount: 0,
  failedCounts: { forbidden: 0, unreadable: 0, unsupported: 0, unavailable: 0, store: 0, emptied: 0, unexpected: 0 },
  repositoriesRead: 0,
  tagsRead: 0,
  lastStartedAt: undefined,
  lastDurationMs: undefined,
};
