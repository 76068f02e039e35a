import { configOf, layOutRegistry, repositoryName } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { type LabTokenService, startTokenService } from '../lab/token-service.ts';
import { takeSnapshot } from '../test/support/take-snapshot.ts';
import { CONNECTIONS, connect, loopRate, withTokens, wrkRate } from './bare.ts';
import { median, share } from './median.ts';
import type { BareRequest } from './wrk.ts';

const SIZE = { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 };
const ROUNDS = 5;

/**
 * Measures first crawls of 10,000 tags. Two references read the same content from the same registry, in turn with the crawler: `wrk`, which discards the
 * responses in C, and a loop over the crawler's HTTP library, which discards them in JavaScript.
 */
export async function benchCrawl(): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  try {
    await layOutRegistry(registry.storageDirectory, SIZE);
    const rounds: { wrk: number; loop: number; ours: number; seconds: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const requests = await crawlRequests(tokens);
      const wrk = await wrkRate(registry.url, requests);
      const loop = await loopRate(registry.url, requests);
      const crawled = await crawlOnce(registry.url, tokens.url);
      if (round > 0) rounds.push({ wrk, loop, ...crawled }); // the first round fills the disk cache
    }
    return {
      requestsPerSecond: median(rounds.map(({ ours }) => ours)),
      wrkRequestsPerSecond: median(rounds.map(({ wrk }) => wrk)),
      loopRequestsPerSecond: median(rounds.map(({ loop }) => loop)),
      shareOfWrk: share(median(rounds.map(({ ours, wrk }) => ours / wrk))),
      shareOfLoop: share(median(rounds.map(({ ours, loop }) => ours / loop))),
      seconds: median(rounds.map(({ seconds }) => seconds)),
      rounds,
    };
  } finally {
    await registry.remove();
    await tokens.stop();
  }
}

/** Returns the requests of a crawl, with the tokens that it would use: every list of tags, every manifest and every image config. */
function crawlRequests(tokens: LabTokenService): Promise<readonly BareRequest[]> {
  const names = Array.from({ length: SIZE.repositories }, (_, i) => repositoryName(i));
  return withTokens(tokens, names, (name) => {
    const number = Number(/project(\d+)/.exec(name)?.[1]);
    const tags = Array.from({ length: SIZE.tagsPerRepository }, (_, tag) => [
      { path: `/v2/${name}/manifests/v${tag}` },
      { path: `/v2/${name}/blobs/${configOf(number, tag).descriptor.digest}` },
    ]);
    return [{ path: `/v2/${name}/tags/list?n=1000` }, ...tags.flat()];
  });
}

async function crawlOnce(registryUrl: string, tokenUrl: string): Promise<{ ours: number; seconds: number }> {
  const client = connect(registryUrl, tokenUrl);
  const startedAt = performance.now();
  const snapshot = await takeSnapshot(client, CONNECTIONS);
  const seconds = (performance.now() - startedAt) / 1000;
  await client.close();
  if (snapshot.figures.tagsCount !== SIZE.repositories * SIZE.tagsPerRepository || snapshot.gaps.length > 0)
    throw new Error('the crawl was not complete');
  return { ours: Math.round(client.requestsCount() / seconds), seconds: Math.round(seconds * 100) / 100 };
}
