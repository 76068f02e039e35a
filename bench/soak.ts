import { setTimeout as sleep } from 'node:timers/promises';
import type { LabService } from '../lab/service.ts';
import { median } from './median.ts';
import { memoryOf } from './process-memory.ts';
import { benchToken, crawlStatus } from './service.ts';
import { type BareRequest, type LoadResult, load } from './wrk.ts';

const SMALL_CONNECTIONS = 64;
const TREE_CONNECTIONS = 2;
const FULL_SECONDS = 10;
const IDLE_SECONDS = 60;
const LOOK_EVERY_MS = 2000;
/** During these crawls the memory still grows: then there are two snapshots for the first time, and the first one that is pinned for paging. */
const CRAWLS_BEFORE = 3;

export interface SoakOptions {
  /** Requests with small responses, sent in turn. */
  readonly small: readonly BareRequest[];
  readonly tree: BareRequest;
  readonly soakMinutes: number;
}

/**
 * Measures small responses and whole trees at the same time, each at half of the rate that the service reaches when it gets both at full speed: for a
 * minute without a crawl, and then for `soakMinutes` while the service crawls without a pause. Measuring begins after three crawls.
 */
export async function soak(service: LabService, { small, tree, soakMinutes }: SoakOptions): Promise<object> {
  const full = await both(service, { small, tree, seconds: FULL_SECONDS });
  const rests = { smallRestMs: restOf(full.small, SMALL_CONNECTIONS), treeRestMs: restOf(full.tree, TREE_CONNECTIONS) };
  const idle = await both(service, { small, tree, seconds: IDLE_SECONDS, ...rests });
  const stop = new AbortController();
  const before = Promise.withResolvers<void>();
  const crawls = crawlOnAndOn(service, stop.signal, before.resolve);
  await askUntil(before.promise, () => both(service, { small, tree, seconds: FULL_SECONDS, ...rests }));
  const memory = watchMemory(service, stop.signal);
  const during = await both(service, { small, tree, seconds: soakMinutes * 60, ...rests });
  stop.abort();
  return {
    minutes: soakMinutes,
    full,
    idle,
    during,
    p99OfSmallTimesIdle: Math.round((during.small.p99Ms / idle.small.p99Ms) * 100) / 100,
    crawlsFinished: (await crawls) - CRAWLS_BEFORE,
    residentMiB: await memory,
  };
}

interface Both {
  readonly small: LoadResult;
  readonly tree: LoadResult;
}

interface Mixed extends Omit<SoakOptions, 'soakMinutes'> {
  readonly seconds: number;
  readonly smallRestMs?: number;
  readonly treeRestMs?: number;
}

async function both(
  service: LabService,
  { small, tree, seconds, smallRestMs = 0, treeRestMs = 0 }: Mixed,
): Promise<Both> {
  const common = { url: service.url, accept: '*/*', seconds };
  const [ofSmall, ofTree] = await Promise.all([
    load({ ...common, requests: small, connections: SMALL_CONNECTIONS, restMs: smallRestMs }),
    load({ ...common, requests: [tree], connections: TREE_CONNECTIONS, restMs: treeRestMs }),
  ]);
  return { small: ofSmall, tree: ofTree };
}

/** Returns the time that a request takes at full speed. A connection that pauses this long after each request sends half as many. */
function restOf({ requestsPerSecond }: LoadResult, connections: number): number {
  return (connections / requestsPerSecond) * 1000 * 2;
}

async function askUntil(isEnough: Promise<void>, ask: () => Promise<unknown>): Promise<void> {
  let isAsking = true;
  void isEnough.then(() => {
    isAsking = false;
  });
  while (isAsking) await ask();
}

/** Starts each crawl as soon as the service allows it, until the signal. Calls `noteEnough` after `CRAWLS_BEFORE` of them, and returns how many have finished. */
async function crawlOnAndOn(service: LabService, signal: AbortSignal, noteEnough: () => void): Promise<number> {
  let finished = 0;
  let snapshot = (await crawlStatus(service)).snapshot;
  while (!signal.aborted) {
    const headers = { authorization: `Bearer ${await benchToken()}` };
    await fetch(`${service.url}/collection`, { method: 'POST', headers });
    await sleep(LOOK_EVERY_MS);
    const now = (await crawlStatus(service)).snapshot;
    if (now !== snapshot && ++finished === CRAWLS_BEFORE) noteEnough();
    snapshot = now;
  }
  return finished;
}

/** Samples the memory until the signal. Returns the median of each third of the samples, and the maximum. */
async function watchMemory({ child }: LabService, signal: AbortSignal): Promise<object> {
  const seen: number[] = [];
  while (!signal.aborted) {
    seen.push((await memoryOf(child.pid)).residentMiB);
    await sleep(LOOK_EVERY_MS);
  }
  const third = Math.ceil(seen.length / 3);
  const [first = 0, second = 0, last = 0] = [0, 1, 2].map((i) => median(seen.slice(i * third, (i + 1) * third)));
  return { first, second, last, most: Math.max(...seen) };
}
