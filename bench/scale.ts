import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { layOutRegistry } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { type LabService, type Settings, startService } from '../lab/service.ts';
import { makeDirectory, removeDirectory } from '../lab/temporary.ts';
import { startTokenService } from '../lab/token-service.ts';
import { median, secondsFrom } from './median.ts';
import { pushToShown, startNotificationRelay } from './notifications.ts';
import { memoryOf } from './process-memory.ts';
import { crawlStatus, settingsFor, shownSnapshot } from './service.ts';

const TAGS_PER_REPOSITORY = 100;
const LAYERS_PER_TAG = 10;
const RESTARTS = 5;
const PUSHES = 5;
const LOOK_EVERY_MS = 200;

/**
 * Measures the service as a process, with a real registry of that many tags: a first crawl, restarts after `kill -9`, a second crawl, and the time until
 * the API shows a push.
 */
export async function benchScale(tags: number): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const relayed = await startNotificationRelay();
  const registry = await startRegistry({ tokens, accessLog: false, notifications: relayed.notifications });
  const directory = makeDirectory('store');
  const file = join(directory, 'usage.db');
  try {
    const repositories = Math.ceil(tags / TAGS_PER_REPOSITORY);
    const size = { repositories, tagsPerRepository: TAGS_PER_REPOSITORY, layersPerTag: LAYERS_PER_TAG };
    await layOutRegistry(registry.storageDirectory, size);
    const settings = settingsFor(registry.url, tokens.url, { store: { url: `sqlite://${file}` } });
    const crawls = await measureLife(settings, async (service) => {
      relayed.forwardTo(service);
      return pushToShown(service, registry, tokens, { pushes: PUSHES, pauseMs: 0 });
    });
    return { tags, ...crawls, databaseMiB: Math.round((await stat(file)).size / 2 ** 20) };
  } finally {
    await Promise.all([registry.remove(), relayed.stop(), removeDirectory(directory)]);
    await tokens.stop();
  }
}

async function measureLife(settings: Settings, push: (service: LabService) => Promise<object>): Promise<object> {
  const first = await startService(settings);
  const firstCrawl = await watchCrawl(first, null);
  let expected = await shownSnapshot(first);
  await first.kill();
  const restarts: number[] = [];
  let later: object = {};
  for (let round = 0; round < RESTARTS; round++) {
    const { service, snapshot, seconds } = await timedStart(settings);
    if (snapshot !== expected) throw new Error('the service shows a different snapshot after the restart');
    restarts.push(seconds);
    if (round === 0) later = { secondCrawl: await watchCrawl(service, snapshot), pushToShown: await push(service) };
    expected = await shownSnapshot(service);
    await service.kill();
  }
  const restartSeconds = { median: median(restarts), worst: Math.max(...restarts), all: restarts };
  return { firstCrawl, restartSeconds, ...later };
}

interface Restarted {
  readonly service: LabService;
  readonly snapshot: string;
  readonly seconds: number;
}

/** Measures the time from before the start of the process until its first response with a snapshot. */
async function timedStart(settings: Settings): Promise<Restarted> {
  const startedAt = performance.now();
  const service = await startService(settings);
  const snapshot = await shownSnapshot(service);
  return { service, snapshot, seconds: secondsFrom(startedAt) };
}

/** Measures the first crawl of a process, which begins at its start, until the API shows a snapshot other than `before`. */
async function watchCrawl(service: LabService, before: string | null): Promise<object> {
  const startedAt = performance.now();
  let readAt = startedAt;
  let whileReading = await memoryOf(service.child.pid);
  for (;;) {
    const { running, snapshot } = await crawlStatus(service);
    if (snapshot !== before) break;
    if (running !== null && (running.tags_read === 0 || running.tags_read < running.tags_found)) {
      readAt = performance.now();
      whileReading = await memoryOf(service.child.pid);
    }
    await sleep(LOOK_EVERY_MS);
  }
  const savedAt = performance.now();
  const { requests } = finishedLine(service);
  return {
    requests,
    requestsPerSecond: Math.round((requests / (readAt - startedAt)) * 1000),
    seconds: { reading: secondsFrom(startedAt, readAt), assemblingCountingAndSaving: secondsFrom(readAt, savedAt) },
    peakMiB: { whileReading: whileReading.peakMiB, inAll: (await memoryOf(service.child.pid)).peakMiB },
    atTheEndMiB: (await memoryOf(service.child.pid)).residentMiB,
  };
}

/** Returns the log line of the last crawl that has finished. */
function finishedLine({ child }: LabService): { readonly requests: number; readonly tags: number } {
  const lines = child.output().split('\n');
  const line = lines.findLast((text) => text.includes('"crawl finished"'));
  if (line === undefined) throw new Error(`no crawl has finished:\n${child.output()}`);
  return JSON.parse(line) as { requests: number; tags: number };
}
