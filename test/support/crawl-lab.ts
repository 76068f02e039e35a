import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Clock } from '../../src/ports.ts';
import { createDistributionRegistry } from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { takeSnapshot } from './take-snapshot.ts';

/** The registry to crawl, and who gives out its tokens: `startTokenService` has a user `crawler` with the access token `secret`. */
export interface CrawledLab {
  readonly registry: { readonly url: string };
  readonly tokens?: { readonly url: string };
}

/** A crawl of the lab's registry through the real client, from start to end. */
export async function crawlLab(
  { registry, tokens }: CrawledLab,
  { width = 8, clock = Date.now }: { readonly width?: number; readonly clock?: Clock } = {},
): Promise<Snapshot> {
  const client = createDistributionRegistry({
    registryUrl: new URL(`${registry.url}/`),
    tokenOrigins: tokens === undefined ? [] : [tokens.url],
    username: 'crawler',
    accessToken: 'secret',
    ...CLIENT_DEFAULTS,
    concurrencyMax: width,
  });
  try {
    return await takeSnapshot(client, width, { clock });
  } finally {
    await client.close();
  }
}
