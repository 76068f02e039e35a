import type { CrawlState, ManifestCache, Registry } from '../ports.ts';

/** What a crawl reads from, and where it stores what it has read. */
export interface CrawlPorts {
  readonly registry: Registry;
  readonly crawlState: CrawlState;
  readonly manifestCache: ManifestCache;
}
