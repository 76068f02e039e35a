import { afterAll, beforeAll, expect, test } from 'vitest';
import { chaos } from '../../lab/chaos.ts';
import { pushSampleContent } from '../../lab/content.ts';
import { readGroundTruth, type TrueRegistry, type TrueTag } from '../../lab/ground-truth.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { type LabTokenService, startTokenService } from '../../lab/token-service.ts';
import { createSnapshotTaker, type SnapshotTakerOptions } from '../../src/crawl/snapshots.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { RegistryFailure } from '../../src/ports.ts';
import { createDistributionRegistry, type DistributionRegistry } from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from '../support/client-defaults.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../support/take-snapshot.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* A registry behind a network with random faults, by seed. A finished crawl has the true figures or reports what is missing, and stores nothing that is
 * wrong. */

const SEEDS = 200;
const AT_ONCE = 8;
/** The share of requests that fail: from few to most. */
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

/** The result of one seed: how many of its crawls finished, and how many of those were complete. */
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
    takeWholeSnapshot(createSnapshotTaker({ ...options, ...changes }), new AbortController().signal);
  const outcome: Outcome = { finished: 0, complete: 0 };
  try {
    for (let crawls = 0; crawls < 2; crawls++) {
      const snapshot = await take().catch(expectFailure);
      if (snapshot === undefined) continue;
      outcome.finished++;
      if (snapshot.gaps.every(isTrueGap)) outcome.complete++;
      expectHonest(snapshot, seed);
    }
    // Without faults, the next crawl is complete, and nothing wrong was stored.
    expectTruth(await take({ registry: calm }), seed);
  } finally {
    await Promise.all([client.close(), calm.close(), network.stop()]);
  }
  return outcome;
}

/** A crawl may fail, but only with an error that names the cause. */
function expectFailure(error: unknown): undefined {
  expect(error).toMatchObject({ name: 'RegistryError', kind: expect.any(String), reason: expect.any(String) });
  expect(['unavailable', 'unreadable', 'forbidden']).toContain((error as RegistryFailure).kind);
}

const referenceOf = (repository: string | null, tag: string): string => `${repository}:${tag}`;
const trueTags = (): ReadonlyMap<string, TrueTag> =>
  new Map(truth.repositories.flatMap(({ name, tags }) => tags.map((tag) => [referenceOf(name, tag.name), tag])));

/** The gaps without any fault: tags whose manifests or children are not stored. */
function isTrueGap({ repository, reference }: Snapshot['gaps'][number]): boolean {
  return trueTags().get(referenceOf(repository, reference ?? ''))?.isIncomplete === true;
}

/** Every tag has its true figures or a gap, and there are no other tags. */
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
      // Another tag may decide which blobs are layers, and so the size; it does not change the set of blobs.
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

test(`reports true figures or gaps for ${SEEDS} registries behind a bad network`, async () => {
  const seeds = Array.from({ length: SEEDS }, (_, seed) => seed).values();
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const seed of seeds) outcomes.push(await endure(seed));
    }),
  );
  const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
  // Most crawls finish; some of them are complete and some have gaps. Otherwise this test would prove nothing.
  expect(outcomes).toHaveLength(SEEDS);
  console.log(
    sum(({ finished }) => finished),
    sum(({ complete }) => complete),
  );
  expect(sum(({ finished }) => finished)).toBeGreaterThan(SEEDS);
  expect(sum(({ complete }) => complete)).toBeGreaterThan(SEEDS / 10);
  expect(sum(({ finished, complete }) => finished - complete)).toBeGreaterThan(SEEDS / 10);
});
