import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pushSampleContent } from '../../../lab/content.ts';
import { pushDeletionContent } from '../../../lab/deletion-content.ts';
import { buildGoProgram, DISTRIBUTION_3, whyNotBuildable } from '../../../lab/go-program.ts';
import { readGroundTruth, storedBlobs, type TrueFigures } from '../../../lab/ground-truth.ts';
import { config, layer } from '../../../lab/images.ts';
import { layOutRegistry, repositoryName } from '../../../lab/layout.ts';
import { createPusher } from '../../../lab/push.ts';
import { type LabRegistry, type LabRegistryOptions, startRegistry } from '../../../lab/registry.ts';
import { makeDirectory, removeDirectory } from '../../../lab/temporary.ts';
import { createSnapshotTaker } from '../../../src/crawl/snapshots.ts';
import type { Digest, RepositoryName } from '../../../src/domain/names.ts';
import type { Figures, Snapshot, TagFigures } from '../../../src/domain/snapshot/snapshot.ts';
import { crawlLab } from '../../support/crawl-lab.ts';
import { installDebianPackages } from '../../support/debian-packages.ts';
import { connect } from '../../support/registry-client.ts';
import { createTestServer } from '../../support/server.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../../support/take-snapshot.ts';
import { setSlowTimeLimits } from '../../support/time-limits.ts';

setSlowTimeLimits();

/* Compares the figures with Distribution 3, built from its Go module, and with the files on its disk. */

await installDebianPackages('docker-registry');
const reason = await whyNotBuildable(DISTRIBUTION_3);
if (reason !== undefined) console.warn(`skips the tests with Distribution 3: ${reason}`);

describe.skipIf(reason !== undefined)('Distribution 3', () => {
  let directory: string;
  let program: string;
  /** Stopped; its storage holds the content of the lab. */
  let content: LabRegistry;
  const running: LabRegistry[] = [];

  beforeAll(async () => {
    directory = makeDirectory('distribution-3');
    program = await buildGoProgram(DISTRIBUTION_3, directory);
    // Distribution 2.8 accepts content that version 3 refuses to receive but can read, such as descriptors without a size.
    content = await startRegistry();
    await pushSampleContent(createPusher(content));
    await pushDeletionContent(createPusher(content));
    await content.stop();
    for (const name of SCHEMA_1) await rm(repositoryDirectory(content, name), { recursive: true });
  });

  afterAll(async () => {
    for (const registry of running) await registry.remove();
    await content.remove();
    await removeDirectory(directory);
  });

  async function start(options: LabRegistryOptions = {}): Promise<LabRegistry> {
    const registry = await startRegistry({ program, ...options });
    running.push(registry);
    return registry;
  }

  test('the figures of the registry, every repository and every tag equal those computed from the disk', async () => {
    const registry = await start({ copyOf: content.storageDirectory });
    const snapshot = await crawlLab({ registry });
    const ours = snapshot.repositories.map(({ name, tags, ...figures }) => ({
      name,
      ...asTruth(figures),
      tags: tags.map(({ name, ...figures }) => ({ name, ...asTruth(figures) })),
    }));
    const { repositories, ...root } = readGroundTruth(registry.storageDirectory);
    expect(repositories.length).toBeGreaterThan(35);
    expect(ours).toEqual([...repositories].sort((a, b) => (a.name < b.name ? -1 : 1)));
    expect(asTruth(snapshot.figures)).toEqual(root);
  });

  test('reads more repositories than one page of the catalogue holds', async () => {
    const registry = await start();
    await layOutRegistry(registry.storageDirectory, { repositories: 1100, tagsPerRepository: 1, layersPerTag: 1 });
    const { repositories, figures } = await crawlLab({ registry });
    expect(repositories).toHaveLength(1100);
    expect(figures.isComplete).toBe(true);
  });

  test('reads more tags than one page of a repository holds, and asks only conditionally in the second crawl', async () => {
    const registry = await start();
    await layOutRegistry(registry.storageDirectory, { repositories: 1, tagsPerRepository: 1100, layersPerTag: 1 });
    const snapshots = createSnapshotTaker(snapshotTakerOptions(connect(registry.url), 8));
    const take = () => takeWholeSnapshot(snapshots, new AbortController().signal);
    const first = await take();
    expect(first.repositories.map(({ name, tags }) => [name, tags.length])).toEqual([[repositoryName(0), 1100]]);
    const before = registry.output().length;
    expect((await take()).repositories).toEqual(first.repositories);
    const requests = [
      ...registry
        .output()
        .slice(before)
        .matchAll(/"(GET|HEAD) (\S+) HTTP[^"]*" (\d+)/g),
    ];
    const manifests = requests.filter(([, , path = '']) => path.includes('/manifests/'));
    const statuses = manifests.map(([, method, , status]) => `${method} ${status}`).sort();
    // The first request asks for a manifest that does not exist, to recognise a pull-through cache.
    expect(statuses).toEqual(['GET 404', ...new Array(1100).fill('HEAD 304')]);
    expect(requests.filter(([, , path = '']) => path.includes('/blobs/'))).toEqual([]);
    expect(requests.length - manifests.length).toBeLessThan(12);
  });

  test('is recognised as a pull-through cache while it fetches a config', async () => {
    const upstream = await start();
    const repository = 'library/app' as RepositoryName;
    await createPusher(upstream).image(repository, 'v1', { config: config('v1'), layers: [] });
    const cache = await start({ furtherYaml: `proxy: {"remoteurl": "${upstream.url}"}\n` });
    const { signal } = new AbortController();
    const client = connect(cache.url);
    await client.probePullThrough(repository, signal);
    expect(client.pullThrough()).toBe('unseen');
    await client.imageConfig(repository, config('v1').descriptor.digest as Digest, signal);
    expect(client.pullThrough()).toBe('yes');
  });

  test('its notifications name each changed repository', async () => {
    const secret = 'the secret of this run';
    const listener = createTestServer({ events: { secret }, clock: Date.now });
    try {
      const url = `${await listener.server.listen({ host: '127.0.0.1', port: 0 })}/usage/events`;
      const registry = await start({ notifications: { url, secret } });
      const pusher = createPusher(registry);
      const image = (name: string) => ({ config: config(name), layers: [layer(name, 100)] });
      const changes = () => listener.changed.flat();
      await pusher.image('group/pushed', '1.0', image('pushed'));
      const { digest } = await pusher.image('group/deleted', '1.0', image('deleted'));
      await until(() => changes().length === 2);
      await deleteReference(registry, 'group/pushed', '1.0');
      await until(() => changes().length === 3);
      await deleteReference(registry, 'group/deleted', digest);
      await until(() => changes().length >= 4);
      expect([...new Set(changes())].sort()).toEqual(['group/deleted', 'group/pushed']);
      expect(changes()[2]).toBe('group/pushed');
      expect(listener.log.map(({ fields }) => fields['status'])).not.toContain(400);
    } finally {
      await listener.server.close();
    }
  });

  describe('deleting tags and collecting garbage', () => {
    let snapshot: Snapshot;
    let collectedBytes: number;

    beforeAll(async () => {
      // Garbage collection keeps the blob of a deleted manifest that an index still names, which no client can see.
      await rm(repositoryDirectory(content, 'group/sparse-index'), { recursive: true });
      const registry = await start({ copyOf: content.storageDirectory });
      snapshot = await crawlLab({ registry });
      collectedBytes = await bytesAfter(async () => {});
    });

    /** Returns the bytes in a copy of the storage after this deletion and a garbage collection. */
    async function bytesAfter(deletion: (registry: LabRegistry) => Promise<void>): Promise<number> {
      const copy = await startRegistry({ program, copyOf: content.storageDirectory });
      try {
        await deletion(copy);
        await copy.collectGarbage();
        return [...storedBlobs(copy.storageDirectory).values()].reduce((a, b) => a + b, 0);
      } finally {
        await copy.remove();
      }
    }

    test('leaves the bytes of the registry', () => {
      expect(snapshot.garbageCollector.engine).toBe('distribution-3');
      expect(snapshot.figures.reclaimableBytes).toBe(collectedBytes);
      expect(snapshot.figures.deduplicatedBytes).toBe(collectedBytes);
    });

    test.each([
      ['group/app', '1.0'],
      ['group/app', 'latest'],
      ['group/multiarch', 'latest'],
      ['group/oci-index', 'latest'],
      ['group/nested-index', 'outer'],
      ['group/build-cache', 'cache'],
      ['team/app', '1.0'],
      ['team/platforms', '1'],
      ['charts/chart', '0.1.0'],
      ['elsewhere/tool', '1'],
    ])('frees exactly the reclaimable bytes of %s:%s', async (repository, name) => {
      const left = await bytesAfter((registry) => deleteReference(registry, repository, name));
      expect(tagOf(snapshot, repository, name).reclaimableBytes).toBe(collectedBytes - left);
    });

    test('frees exactly the reclaimable bytes of a repository', async () => {
      const { tags = [], reclaimableBytes } =
        snapshot.repositories.find(({ name }) => name === 'group/nested-index') ?? {};
      const left = await bytesAfter(async (registry) => {
        for (const { name } of tags) await deleteReference(registry, 'group/nested-index', name);
      });
      expect(collectedBytes - left).toBeGreaterThan(0);
      expect(reclaimableBytes).toBe(collectedBytes - left);
    });
  });
});

/** Distribution 3 cannot read schema 1 manifests, and its garbage collection stops at them. */
const SCHEMA_1 = ['group/schema1', 'team/old'];

function repositoryDirectory({ storageDirectory }: LabRegistry, name: string): string {
  return join(storageDirectory, 'docker/registry/v2/repositories', name);
}

/** Deletes a tag, which leaves its manifest, or a manifest by its digest. */
async function deleteReference({ url }: LabRegistry, repository: string, reference: string): Promise<void> {
  const { status } = await fetch(`${url}/v2/${repository}/manifests/${reference}`, { method: 'DELETE' });
  expect(status).toBe(202);
}

async function until(isReached: () => boolean): Promise<void> {
  for (let tries = 0; !isReached(); tries++) {
    if (tries > 5000) throw new Error('the notification did not arrive');
    await sleep(20);
  }
}

function tagOf(snapshot: Snapshot, repositoryName: string, name: string): TagFigures {
  const { tags = [] } = snapshot.repositories.find((one) => one.name === repositoryName) ?? {};
  const found = tags.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${repositoryName}:${name} was not crawled`);
  return found;
}

/** Converts figures to the names that the ground truth uses. */
function asTruth(figures: Figures): TrueFigures {
  return {
    size: figures.sizeBytes,
    diskSize: figures.diskSizeBytes,
    deduplicated: figures.deduplicatedBytes,
    reclaimable: figures.reclaimableBytes,
    metadata: figures.metadataBytes,
    isIncomplete: !figures.isComplete,
  };
}
