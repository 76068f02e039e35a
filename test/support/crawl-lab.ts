import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Engine } from '../../src/domain/usage/garbage-collector.ts';
import type { Clock } from '../../src/ports.ts';
import { createDistributionRegistry } from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** The registry to crawl, and its token service, which must have a user `crawler` with the access token `secret`. */
export interface CrawledLab {
  readonly registry: { readonly url: string };
  readonly tokens?: { readonly url: string };
}

interface CrawlLabOptions {
  readonly concurrency?: number;
  readonly clock?: Clock;
  readonly garbageCollector?: Engine | 'auto';
}

/** Crawls a registry of the lab with the real client. */
export async function crawlLab(
  { registry, tokens }: CrawledLab,
  { concurrency = 8, clock = Date.now, garbageCollector = 'auto' }: CrawlLabOptions = {},
): Promise<Snapshot> {
  const client = createDistributionRegistry({
    registryUrl: new URL(`${registry.url}/`),
    tokenOrigins: tokens === undefined ? [] : [tokens.url],
    username: 'crawler',
    accessToken: 'secret',
    ...CLIENT_DEFAULTS,
    concurrencyMax: concurrency,
  });
  try {
    return await takeSnapshot(client, concurrency, { clock, garbageCollector });
  } finally {
    await client.close();
  }
}
