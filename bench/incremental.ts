import { join } from 'node:path';
import { type LaidOutTag, layOutRegistry, moveTag } from '../lab/layout.ts';
import { type LabRegistry, startRegistry } from '../lab/registry.ts';
import { makeDirectory, removeDirectory } from '../lab/temporary.ts';
import { type LabTokenService, startTokenService } from '../lab/token-service.ts';
import type { Snapshot } from '../src/domain/snapshot/snapshot.ts';
import { openStore } from '../src/store/sqlite/open-store.ts';
import { countAccesses } from './accesses.ts';
import { connect, loopRate, withTokens, wrkRate } from './bare.ts';
import { onTheOtherCores, SERVER_CORE } from './cores.ts';
import { median, share } from './median.ts';
import { createTimedCrawls, type TimedCrawl } from './timed-crawls.ts';
import type { BareRequest } from './wrk.ts';

const SIZE = { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 };
const TAGS = SIZE.repositories * SIZE.tagsPerRepository;
const ROUNDS = 7;
const DAY_MS = 86_400_000;

/**
 * Measures second crawls of 10,000 unchanged tags. Two references send the same conditional request for each tag, in turn with the crawler. Then it counts
 * the requests of such a crawl, and of one after a hundredth of the tags has moved, from the access log of the registry.
 *
 * For `apart`, the registry has a core of its own, as on a separate machine: this shows whether a crawl uses all that the registry can deliver. For
 * `together`, all processes use all cores: this shows what a crawl costs on the registry's machine.
 */
export async function benchIncremental(): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  try {
    await layOutRegistry(registry.storageDirectory, SIZE);
    const pinned = await startRegistry({
      tokens,
      accessLog: false,
      copyOf: registry.storageDirectory,
      core: SERVER_CORE,
    });
    const apart = await onTheOtherCores(() => measureRates(pinned, tokens)).finally(pinned.remove);
    const together = await measureRates(registry, tokens);
    const logged = await startRegistry({ tokens, copyOf: registry.storageDirectory });
    const accessLog = await addRequestMetrics(logged, tokens).finally(logged.remove);
    return { apart, together, accessLog };
  } finally {
    await registry.remove();
    await tokens.stop();
  }
}

function measureRates(registry: LabRegistry, tokens: LabTokenService): Promise<object> {
  return crawling(registry, tokens, async (crawl) => {
    const first = await crawl();
    const rounds: (Omit<TimedCrawl, 'snapshot'> & { wrk: number; loop: number })[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const requests = await conditionalRequests(first.snapshot, tokens);
      const wrk = await wrkRate(registry.url, requests);
      const loop = await loopRate(registry.url, requests);
      const { snapshot, ...crawled } = await crawl();
      if (snapshot.figures.tagsCount !== TAGS) throw new Error('the crawl has not found every tag');
      rounds.push({ ...crawled, wrk, loop });
    }
    const middle = (figure: (round: (typeof rounds)[number]) => number): number => median(rounds.map(figure));
    return {
      firstCrawl: { requests: first.requests, requestsPerSecond: first.requestsPerSecond, seconds: first.seconds },
      requestsPerSecond: middle(({ requestsPerSecond }) => requestsPerSecond),
      wrkRequestsPerSecond: middle(({ wrk }) => wrk),
      loopRequestsPerSecond: middle(({ loop }) => loop),
      shareOfWrk: share(middle(({ requestsPerSecond, wrk }) => requestsPerSecond / wrk)),
      shareOfLoop: share(middle(({ requestsPerSecond, loop }) => requestsPerSecond / loop)),
      rounds,
    };
  });
}

/** Runs a task that crawls with a new store, as the service does. */
async function crawling<T>(
  registry: LabRegistry,
  tokens: LabTokenService,
  task: (crawl: () => Promise<TimedCrawl>) => Promise<T>,
): Promise<T> {
  const directory = makeDirectory('store');
  const retention = { allMs: 7 * DAY_MS, dailyMs: 365 * DAY_MS };
  const store = openStore({ file: join(directory, 'usage.db'), registryUrl: registry.url, retention, clock: Date.now });
  const client = connect(registry.url, tokens.url);
  try {
    return await task(createTimedCrawls(client, store));
  } finally {
    await client.close();
    store.close();
    await removeDirectory(directory);
  }
}

/** Returns a conditional request for each tag, which asks whether the tag has changed. */
function conditionalRequests(snapshot: Snapshot, tokens: LabTokenService): Promise<readonly BareRequest[]> {
  const repositories = new Map<string, Snapshot['repositories'][number]>(
    snapshot.repositories.map((repository) => [repository.name, repository]),
  );
  return withTokens(tokens, [...repositories.keys()], (name) =>
    (repositories.get(name)?.tags ?? []).map((tag) => ({
      method: 'HEAD',
      path: `/v2/${name}/manifests/${tag.name}`,
      ifNoneMatch: tag.manifest?.digest ?? '',
    })),
  );
}

/** Counts the requests of crawls. The registry writes a line for every request, which costs a few percent, so no speed is measured here. */
function addRequestMetrics(registry: LabRegistry, tokens: LabTokenService): Promise<object> {
  return crawling(registry, tokens, async (crawl) => {
    await crawl();
    const readOnce = registry.output().length;
    const before = await crawl();
    const unchanged = countAccesses(registry.output().slice(readOnce));
    const alreadySaid = registry.output().length;
    for (const tag of MOVED) await moveTag(registry.storageDirectory, tag, SIZE.layersPerTag);
    const after = await crawl();
    const moved = countAccesses(registry.output().slice(alreadySaid));
    const digestsBefore = new Set(digestsOf(before.snapshot));
    const newDigests = new Set(digestsOf(after.snapshot).filter((digest) => !digestsBefore.has(digest))).size;
    return { unchanged, moved: { tags: MOVED.length, newDigests, ...moved } };
  });
}

/**
 * A hundredth of the tags. In each repository four tags move: two of them to the same new image, like a version and `latest`, one to another new image, and
 * one to an older image.
 */
const MOVED: readonly LaidOutTag[] = Array.from({ length: TAGS / 400 }, (_, repository) => [
  { repository, tag: 1, image: SIZE.tagsPerRepository },
  { repository, tag: 2, image: SIZE.tagsPerRepository },
  { repository, tag: 3, image: SIZE.tagsPerRepository + 1 },
  { repository, tag: 4, image: 0 },
]).flat();

function digestsOf({ repositories }: Snapshot): readonly string[] {
  return repositories.flatMap(({ tags }) => tags.flatMap(({ manifest }) => manifest?.digest ?? []));
}
