import { afterAll, beforeAll, expect, test } from 'vitest';
import { chaos } from '../../lab/chaos.ts';
import { pushSampleContent } from '../../lab/content.ts';
import { readGroundTruth, type TrueRegistry, type TrueTag } from '../../lab/ground-truth.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { type LabTokenService, startTokenService } from '../../lab/token-service.ts';
import { noProgress } from '../../src/crawl/crawl-stats.ts';
import { createSnapshotTaker, type SnapshotTakerOptions } from '../../src/crawl/snapshots.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { RegistryFailure } from '../../src/ports.ts';
import { createDistributionRegistry, type DistributionRegistry } from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from '../support/client-defaults.ts';
import { snapshotTakerOptions } from '../support/take-snapshot.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* A registry behind a network on which, by seed, everything goes wrong that can: what a crawl finishes with is the truth, or says what of
 * it is missing; and what it keeps for the next one is nothing but the truth. */

const SEEDS = 200;
const AT_ONCE = 8;
/** Of the requests: from a bad day to a ruin. */
const SHARES = [0.02, 0.05, 0.1, 0.3];

let tokens: LabTokenService;
let registry: LabRegistry;
let truth: TrueRegistry;

beforeAll(async () => {
  tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  registry = await startRegistry({ tokens, accessLog: false });
  await pushSampleContent(createPusher(registry, tokens));
  truth = readGroundTruth(registry.storageDirectory);
});

afterAll(async () => {
  await registry.remove();
  await tokens.stop();
});

/** What happened to one seed: how many of its crawls finished, and how many of those had everything. */
interface Outcome {
  finished: number;
  complete: number;
}

function connect(url: string, timeoutMs: number): DistributionRegistry {
  return createDistributionRegistry({
    registryUrl: new URL(`${url}/`),
    tokenOrigins: [tokens.url],
    username: 'crawler',
    accessToken: 'secret',
    ...CLIENT_DEFAULTS,
    concurrencyMin: 8,
    concurrencyMax: 8,
    timeoutMs,
    retries: 3,
  });
}

async function endure(seed: number): Promise<Outcome> {
  const share = SHARES[seed % SHARES.length] ?? 0;
  const network = await chaos(registry.url, { seed, share });
  const client = connect(network.url, 250);
  const calm = connect(registry.url, 30_000);
  const options = { ...snapshotTakerOptions(client, 8), emptyGuard: 0 };
  const take = (changes: Partial<SnapshotTakerOptions> = {}) =>
    createSnapshotTaker({ ...options, ...changes }).takeSnapshot(noProgress(), new AbortController().signal);
  const outcome: Outcome = { finished: 0, complete: 0 };
  try {
    for (let crawls = 0; crawls < 2; crawls++) {
      const snapshot = await take().catch(expectFailure);
      if (snapshot === undefined) continue;
      outcome.finished++;
      if (snapshot.gaps.every(isTrueGap)) outcome.complete++;
      expectHonest(snapshot, seed);
    }
    // On a good day everything is there again, and nothing wrong was kept.
    expectTruth(await take({ registry: calm }), seed);
  } finally {
    await Promise.all([client.close(), calm.close(), network.stop()]);
  }
  return outcome;
}

/** A crawl may fail, in so many words. */
function expectFailure(error: unknown): undefined {
  expect(error).toMatchObject({ name: 'RegistryError', kind: expect.any(String), reason: expect.any(String) });
  expect(['unavailable', 'unreadable', 'forbidden']).toContain((error as RegistryFailure).kind);
}

const referenceOf = (repository: string, tag: string): string => `${repository}:${tag}`;
const trueTags = (): ReadonlyMap<string, TrueTag> =>
  new Map(truth.repositories.flatMap(({ name, tags }) => tags.map((tag) => [referenceOf(name, tag.name), tag])));

/** The gaps that the registry has by itself: tags whose manifests or children are not stored. */
function isTrueGap({ repository, reference }: Snapshot['gaps'][number]): boolean {
  return trueTags().get(referenceOf(repository, reference ?? ''))?.isIncomplete === true;
}

/** Every tag has its true figures, or a gap stands for it; and there are no others. */
function expectHonest({ repositories, gaps, figures }: Snapshot, seed: number): void {
  const known = trueTags();
  const gapped = new Set(gaps.map(({ repository, reference }) => referenceOf(repository, reference ?? '')));
  const found = new Set<string>();
  for (const { name, tags, isComplete, staleSince } of repositories) {
    if (gapped.has(referenceOf(name, ''))) expect([isComplete, seed], name).toEqual([false, seed]);
    else expect(staleSince, name).toBeNull();
    for (const tag of tags) {
      const reference = referenceOf(name, tag.name);
      found.add(reference);
      const expected = known.get(reference);
      expect(expected, `${reference}, seed ${seed}`).toBeDefined();
      if (gapped.has(reference)) {
        expect(tag.isComplete, reference).toBe(false);
        continue;
      }
      // Which of its blobs are layers may hang on another tag, and so its size; not what it holds.
      const own = { deduplicated: tag.deduplicatedBytes, isIncomplete: !tag.isComplete };
      const { deduplicated, isIncomplete } = expected ?? {};
      expect(own, `${reference}, seed ${seed}`).toEqual({ deduplicated, isIncomplete });
    }
  }
  const missing = [...known.keys()].filter((one) => !found.has(one) && !gapped.has(one));
  expect(
    missing.filter((one) => !gapped.has(`${one.split(':')[0]}:`)),
    `seed ${seed}`,
  ).toEqual([]);
  if (gaps.length > 0) expect(figures.isComplete).toBe(false);
}

function expectTruth({ repositories, figures }: Snapshot, seed: number): void {
  const ours = repositories.map(({ name, tags, ...rest }) => ({
    name,
    size: rest.sizeBytes,
    diskSize: rest.diskSizeBytes,
    deduplicated: rest.deduplicatedBytes,
    reclaimable: rest.reclaimableBytes,
    tags: tags.map((tag) => [tag.name, tag.sizeBytes, tag.diskSizeBytes, tag.reclaimableBytes, tag.status]),
  }));
  const theirs = truth.repositories.map(({ name, tags, size, diskSize, deduplicated, reclaimable }) => ({
    name,
    size,
    diskSize,
    deduplicated,
    reclaimable,
    tags: tags.map((tag) => [
      tag.name,
      tag.size,
      tag.diskSize,
      tag.reclaimable,
      tag.size === null ? 'broken' : tag.isIncomplete ? 'incomplete' : 'ok',
    ]),
  }));
  expect(ours, `seed ${seed}`).toEqual(theirs.sort((a, b) => (a.name < b.name ? -1 : 1)));
  expect(figures.deduplicatedBytes).toBe(truth.deduplicated);
}

test(`of ${SEEDS} registries behind a bad network, every finished crawl is the truth or says what is missing`, async () => {
  const seeds = Array.from({ length: SEEDS }, (_, seed) => seed).values();
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const seed of seeds) outcomes.push(await endure(seed));
    }),
  );
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  // Most of them finish, and of those some had everything and some had gaps: else nothing of this was tried.
  expect(outcomes).toHaveLength(SEEDS);
  console.log(
    sum(({ finished }) => finished),
    sum(({ complete }) => complete),
  );
  expect(sum(({ finished }) => finished)).toBeGreaterThan(SEEDS);
  expect(sum(({ complete }) => complete)).toBeGreaterThan(SEEDS / 10);
  expect(sum(({ finished, complete }) => finished - complete)).toBeGreaterThan(SEEDS / 10);
});
