import type { CrawlOptions } from '../src/crawl/crawl.ts';

/** A crawl as the service does its first one. */
export function crawlOptions(width: number): CrawlOptions {
  return {
    width,
    collectCreated: true,
    knownConfigs: new Map(),
    progress: { repositoriesFound: 0, repositoriesRead: 0, repositoriesKept: 0, tagsFound: 0, tagsRead: 0 },
    clock: Date.now,
    signal: new AbortController().signal,
  };
}
