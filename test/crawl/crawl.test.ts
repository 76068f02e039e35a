import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Descriptor, Manifest } from '../../src/domain/manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Registry } from '../../src/ports.ts';
import { SAMPLE_COLLECTOR } from '../support/sample-snapshot.ts';
import { takeSnapshot } from '../support/take-snapshot.ts';
import { digestOf, Failure, storedManifest } from '../support/toy-registry.ts';

/* How a crawl handles a registry that fails, or gives unusual answers. */

const EMPTY: Manifest = { kind: 'index', manifests: [] };

const listed = (...names: string[]) => names.map((name) => ({ name: name as TagName }));

/** Creates a registry with these repositories, each with one tag of an empty index. */
function registryOf(names: readonly string[], answers: Partial<Registry> = {}): Registry {
  return {
    async *repositories() {
      yield* names as RepositoryName[];
    },
    isWanted: () => true,
    expect: async () => undefined,
    tags: async () => listed('v1'),
    async resolve(name, tag, _, signal) {
      return (await this.manifest(name, tag, signal))?.digest;
    },
    manifest: async () => storedManifest(digestOf('a'), 1, EMPTY),
    garbageCollector: async () => SAMPLE_COLLECTOR,
    blobBytes: async () => 1,
    probePullThrough: async () => true,
    pullThrough: () => 'unseen',
    imageConfig: async () => undefined,
    referrers: async () => undefined,
    ...answers,
  };
}

/** Rejects when the signal is aborted, and never resolves. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
  });
}

test('throws the failure that ended the crawl, after all its requests have ended', async () => {
  let running = 0;
  let requestsCount = 0;
  const registry = registryOf(['a', 'b', 'c', 'd', 'e', 'f'], {
    async tags(name, signal) {
      requestsCount++;
      if (name !== 'c') return listed('v1', 'v2', 'v3');
      await turn();
      signal.throwIfAborted();
      throw new Failure('unavailable');
    },
    async manifest(_, __, signal) {
      requestsCount++;
      running++;
      return hang(signal).finally(() => {
        running--;
      });
    },
  });
  await expect(takeSnapshot(registry, 3)).rejects.toThrow('a failure of kind unavailable');
  expect(running).toBe(0);
  const requestsAtTheEnd = requestsCount;
  await turn();
  await turn();
  expect(requestsCount).toBe(requestsAtTheEnd);
});

test('ends the crawl if the listing of repositories fails in any way', async () => {
  const registry = registryOf([], {
    async *repositories() {
      yield 'a' as RepositoryName;
      throw new Failure('unreadable');
    },
    tags: (_, signal) => hang(signal),
  });
  await expect(takeSnapshot(registry, 2)).rejects.toThrow('a failure of kind unreadable');
});

test('ends the crawl when its signal is aborted', async () => {
  const controller = new AbortController();
  const registry = registryOf(['a', 'b'], { tags: (_, signal) => hang(signal) });
  const crawling = takeSnapshot(registry, 4, { signal: controller.signal });
  await turn();
  controller.abort();
  await expect(crawling).rejects.toThrow(/abort/i);
});

test('reports once that the registry lists no referrers, if its garbage collector keeps them, and blames no tag', async () => {
  const registry = registryOf(['a'], {
    referrers: async () => {
      throw new Failure('forbidden');
    },
  });
  const { repositories, gaps, figures } = await takeSnapshot(registry, 1, { garbageCollector: 'harbor' });
  expect(repositories[0]?.tags[0]).toMatchObject({ status: 'ok', deduplicatedBytes: 1 });
  expect(gaps).toMatchObject([{ repository: null, code: 'unreadable' }]);
  expect(figures.isComplete).toBe(false);
  const other = await takeSnapshot(registry, 1, { garbageCollector: 'distribution-3' });
  expect(other.figures.isComplete).toBe(true);
});

test('requests referrers in every repository that contains the subject', async () => {
  const referrer = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('b'), sizeBytes: 5 };
  const manifest: Registry['manifest'] = async (_, reference) =>
    reference === referrer.digest
      ? storedManifest(referrer.digest, 5, { ...EMPTY, subject: digestOf('a') })
      : storedManifest(digestOf('a'), 1, EMPTY);
  const requests: string[] = [];
  for (const order of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    const registry = registryOf(order, {
      manifest,
      async referrers(name, digest) {
        requests.push(`${name}@${digest.slice(-1)}`);
        return name === 'b' && digest === digestOf('a') ? [referrer] : [];
      },
    });
    const { figures } = await takeSnapshot(registry, 1, { garbageCollector: 'harbor' });
    expect(figures).toMatchObject({ deduplicatedBytes: 6, isComplete: true });
    expect(requests.splice(0).sort()).toEqual(['a@a', 'b@a', 'b@b']);
  }
});

test('counts a foreign layer as 0 only if the registry reports that it is not stored', async () => {
  const layer = {
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
    digest: digestOf('b'),
    sizeBytes: 50,
  };
  const config = { mediaType: 'application/vnd.example.config', digest: digestOf('c'), sizeBytes: 7 };
  const manifest: Manifest = { kind: 'image', config, layers: [layer] };
  const statusWith = async (blobBytes: Registry['blobBytes']) => {
    const registry = registryOf(['a'], { manifest: async () => storedManifest(digestOf('a'), 1, manifest), blobBytes });
    return (await takeSnapshot(registry, 1)).repositories[0]?.tags[0];
  };
  expect(await statusWith(async () => undefined)).toMatchObject({ status: 'ok', sizeBytes: 0 });
  const refuse = async () => {
    throw new Failure('unreadable');
  };
  expect(await statusWith(refuse)).toMatchObject({ status: 'incomplete', sizeBytes: 0 });
});

test('throws once, without an unhandled rejection, if the registry fails while it lists referrers', async () => {
  const registry = registryOf(['a'], {
    referrers: async () => {
      throw new Failure('unavailable');
    },
  });
  const unhandled: unknown[] = [];
  const listen = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', listen);
  try {
    await expect(takeSnapshot(registry, 1)).rejects.toThrow('a failure of kind unavailable');
    await turn();
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', listen);
  }
});

test('reports tags without a legal name as one gap, and keeps the other tags', async () => {
  const registry = registryOf(['group/app', 'group/other'], {
    tags: async (name) =>
      name === 'group/app' ? [...listed('v1'), { illegal: 'a b' }, { illegal: '-x' }] : listed('v1'),
  });
  const { repositories, gaps, figures, namespaces } = await takeSnapshot(registry, 2);
  expect(repositories.map(({ name, tags, isComplete }) => [name, tags.length, isComplete])).toEqual([
    ['group/app', 1, false],
    ['group/other', 1, true],
  ]);
  expect(gaps).toEqual([{ repository: 'group/app', code: 'unreadable', reason: expect.stringMatching(/"-x", "a b"/) }]);
  expect([figures.isComplete, namespaces[0]?.isComplete]).toEqual([false, false]);
});

test('marks everything above as incomplete if a list of tags is cut, and counts what it contains', async () => {
  const cut = 'the list of tags may go on';
  const registry = registryOf(['group/app', 'group/other'], {
    tags: async (name) => (name === 'group/app' ? [...listed('v1', 'v2'), { cut }] : listed('v1')),
  });
  const { repositories, gaps, figures, namespaces } = await takeSnapshot(registry, 2);
  expect(repositories.map(({ name, tags, isComplete }) => [name, tags.length, isComplete])).toEqual([
    ['group/app', 2, false],
    ['group/other', 1, true],
  ]);
  expect(gaps).toEqual([{ repository: 'group/app', code: 'unreadable', reason: cut }]);
  expect([figures.isComplete, namespaces[0]?.isComplete]).toEqual([false, false]);
});

test('marks the registry and its namespaces as incomplete if the list of repositories is cut', async () => {
  const cut = 'the list of repositories may go on';
  const registry = registryOf([], {
    async *repositories() {
      yield* ['group/app' as RepositoryName, { cut }];
    },
  });
  const { repositories, namespaces, gaps, figures } = await takeSnapshot(registry, 1);
  expect(repositories.map(({ name, isComplete }) => [name, isComplete])).toEqual([['group/app', true]]);
  expect(namespaces.map(({ isComplete }) => isComplete)).toEqual([false]);
  expect(gaps).toEqual([{ repository: null, code: 'unreadable', reason: cut }]);
  expect(figures).toMatchObject({ isComplete: false, tagsCount: 1 });
});

test('reports a repository without a legal name as a gap of an incomplete snapshot', async () => {
  const registry = registryOf([], {
    async *repositories() {
      yield* [{ illegal: 'Group/App' }, 'group/app' as RepositoryName, { illegal: 'Group/App' }];
    },
  });
  const { repositories, gaps, figures } = await takeSnapshot(registry, 1);
  expect(repositories.map(({ name }) => name)).toEqual(['group/app']);
  expect(gaps).toEqual([{ repository: 'Group/App', code: 'unreadable', reason: expect.any(String) }]);
  expect(figures).toMatchObject({ isComplete: false, tagsCount: 1 });
});

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const child = (digest: Digest, mediaType = OCI_INDEX): Descriptor => ({ digest, mediaType, sizeBytes: 10 });
const numbered = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}` as Digest;
const numberOf = (reference: string) => (reference.startsWith('sha256:') ? Number.parseInt(reference.slice(7), 16) : 0);

test('reads a child without a media type as a manifest', async () => {
  const layer = child(digestOf('c'), 'application/vnd.oci.image.layer.v1.tar+gzip');
  const image: Manifest = { kind: 'image', config: child(digestOf('d'), ''), layers: [layer] };
  const registry = registryOf(['a'], {
    manifest: async (_, reference) =>
      reference === digestOf('b')
        ? storedManifest(digestOf('b'), 7, image)
        : storedManifest(digestOf('a'), 1, { kind: 'index', manifests: [child(digestOf('b'), '')] }),
  });
  const { repositories } = await takeSnapshot(registry, 2);
  expect(repositories[0]?.tags[0]).toMatchObject({ status: 'ok', sizeBytes: 10, deduplicatedBytes: 28 });
});

test('follows nested indexes to a limited depth, also across repositories', async () => {
  for (const hasIt of [() => true, (name: string, n: number) => n === 0 || (n % 2 === 0) === (name === 'a')]) {
    let deepest = 0;
    const registry = registryOf(['a', 'b'], {
      async manifest(name, reference) {
        const n = numberOf(reference);
        if (!hasIt(name, n)) return undefined;
        deepest = Math.max(deepest, n);
        const manifest: Manifest = { kind: 'index', manifests: [child(numbered(n + 1))] };
        return storedManifest(numbered(n), 1, manifest);
      },
    });
    const { repositories, gaps } = await takeSnapshot(registry, 2);
    expect(deepest).toBe(32);
    expect(repositories[0]?.tags[0]?.status).toBe('incomplete');
    expect(gaps.map(({ code }) => code)).toEqual(['missing', 'missing']);
  }
});

test('reads a manifest that is too deep below one tag below another tag that is closer', async () => {
  const registry = registryOf(['a', 'b'], {
    async manifest(name, reference) {
      const n = name === 'b' && reference === 'v1' ? 31 : numberOf(reference);
      const manifests = n < 40 ? [child(numbered(n + 1))] : [];
      return storedManifest(numbered(n), 1, { kind: 'index', manifests });
    },
  });
  const { repositories } = await takeSnapshot(registry, 1);
  expect(repositories.map(({ tags }) => tags[0]?.status)).toEqual(['ok', 'ok']);
});

test('limits the requests if the registry invents referrers, and keeps the other tags', async () => {
  let next = 1;
  let requestsCount = 0;
  const registry = registryOf(['good', 'hostile'], {
    async manifest(name, reference) {
      requestsCount++;
      if (name === 'good') return storedManifest(digestOf('a'), 1, EMPTY);
      const layers = Array.from({ length: 1000 }, () => child(numbered(next++), 'application/x-layer'));
      const digest = reference === 'v1' ? digestOf('f') : (reference as Digest);
      return storedManifest(digest, 1, { kind: 'image', config: child(numbered(next++), 'x/y'), layers });
    },
    referrers: async (name) =>
      name === 'good' ? [] : Array.from({ length: 10 }, () => child(numbered(1_000_000 + next++))),
  });
  const { repositories } = await takeSnapshot(registry, 4, { garbageCollector: 'harbor' });
  expect(repositories.map(({ tags }) => tags[0]?.status)).toEqual(['ok', 'incomplete']);
  expect(requestsCount).toBeLessThan(100);
});
