import { Agent } from 'undici';
import { configOf, layOutRegistry, repositoryName } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { type LabTokenService, startTokenService } from '../lab/token-service.ts';
import { MANIFEST_TYPES } from '../src/domain/media-types.ts';
import { createDistributionRegistry } from '../src/registry/distribution.ts';
import { exchange } from '../src/registry/exchange.ts';
import { takeSnapshot } from '../test/take-snapshot.ts';
import { median } from './median.ts';
import { load } from './wrk.ts';

const SIZE = { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 };
const CONNECTIONS = 32;
const REPOSITORIES_PER_TOKEN = 20;
const ROUNDS = 5;
const ACCEPT = Object.values(MANIFEST_TYPES).join(', ');

/**
 * First crawls of 10,000 tags, in turn with two bare limits that read the same of the same registry: `wrk`, which
 * throws them away in C, and a loop on the HTTP library that the crawler uses, which throws them away in JavaScript.
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
      if (round > 0) rounds.push({ wrk, loop, ...crawled }); // the first warms the disk's cache
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

function share(ratio: number): number {
  return Math.round(ratio * 1000) / 1000;
}

interface CrawlRequest {
  readonly path: string;
  readonly token: string;
}

/** What a crawl asks for, with the tokens that it would have: every list of tags, every manifest, and every image's config. */
async function crawlRequests(tokens: LabTokenService): Promise<readonly CrawlRequest[]> {
  const requests: CrawlRequest[] = [];
  const names = Array.from({ length: SIZE.repositories }, (_, i) => repositoryName(i)).sort();
  for (let at = 0; at < names.length; at += REPOSITORIES_PER_TOKEN) {
    const together = names.slice(at, at + REPOSITORIES_PER_TOKEN);
    const token = await tokens.mint(together.map((name) => ({ type: 'repository', name, actions: ['pull'] })));
    for (const name of together) {
      requests.push({ path: `/v2/${name}/tags/list?n=1000`, token });
      const number = Number(/project(\d+)/.exec(name)?.[1]);
      for (let tag = 0; tag < SIZE.tagsPerRepository; tag++) {
        requests.push({ path: `/v2/${name}/manifests/v${tag}`, token });
        requests.push({ path: `/v2/${name}/blobs/${configOf(number, tag).descriptor.digest}`, token });
      }
    }
  }
  return requests;
}

async function wrkRate(url: string, requests: readonly CrawlRequest[]): Promise<number> {
  const wanted = { url, requests, accept: ACCEPT, connections: CONNECTIONS, seconds: 7 };
  const { requestsPerSecond, errors } = await load(wanted);
  if (errors > 0) throw new Error(`the bare load met ${errors} errors`);
  return requestsPerSecond;
}

async function loopRate(origin: string, requests: readonly CrawlRequest[]): Promise<number> {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
  const { signal } = new AbortController();
  const feed = requests.values();
  const worker = async (): Promise<void> => {
    for (const { path, token } of feed) {
      const headers = { accept: ACCEPT, authorization: `Bearer ${token}` };
      const { status } = await exchange(agent, { origin, path, method: 'GET', headers }, { signal, timeoutMs: 60_000 });
      if (status !== 200) throw new Error(`the bare loop met status ${status}`);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  await agent.close();
  return Math.round(requests.length / seconds);
}

async function crawlOnce(registryUrl: string, tokenUrl: string): Promise<{ ours: number; seconds: number }> {
  const client = createDistributionRegistry({
    registryUrl: new URL(`${registryUrl}/`),
    tokenOrigins: [tokenUrl],
    username: 'crawler',
    accessToken: 'secret',
    concurrencyMin: 2,
    concurrencyMax: CONNECTIONS,
    requestsPerSecond: 0,
    timeoutMs: 30_000,
    retries: 0,
    userAgent: 'bench',
    clock: Date.now,
    steadyClock: () => performance.now(),
  });
  const startedAt = performance.now();
  const snapshot = await takeSnapshot(client, CONNECTIONS);
  const seconds = (performance.now() - startedAt) / 1000;
  await client.close();
  const tags = snapshot.repositories.reduce((sum, repository) => sum + repository.tags.length, 0);
  if (tags !== SIZE.repositories * SIZE.tagsPerRepository || snapshot.gaps.length > 0)
    throw new Error('the crawl was not complete');
  return { ours: Math.round(client.requestsCount() / seconds), seconds: Math.round(seconds * 100) / 100 };
}
